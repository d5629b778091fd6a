//! What a configuration is compared with.

use std::fmt;

/// What a configuration is compared with: a profile of the specifications, and what this crate's
/// manual advises where they leave a rule open.
///
/// ```
/// use tower_client_assertion::posture::Baseline;
///
/// assert_eq!(Baseline::FAPI2.id(), "fapi2");
/// assert_eq!(Baseline::RFC7523.to_string(), "RFC 7523 with RFC 10070");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Baseline(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Fapi2,
    Rfc7523,
}

impl Baseline {
    /// The FAPI 2.0 Security Profile (final, 2025).
    pub const FAPI2: Self = Self(Kind::Fapi2);

    /// RFC 7523, as updated by RFC 10070.
    pub const RFC7523: Self = Self(Kind::Rfc7523);

    /// Returns a short name that never changes: `fapi2` or `rfc7523`.
    pub const fn id(self) -> &'static str {
        self.choose("fapi2", "rfc7523")
    }

    /// Returns what belongs to this baseline.
    pub(super) const fn choose<T: Copy>(self, fapi2: T, rfc7523: T) -> T {
        match self.0 {
            Kind::Fapi2 => fapi2,
            Kind::Rfc7523 => rfc7523,
        }
    }

    pub(super) const fn is_fapi2(self) -> bool {
        matches!(self.0, Kind::Fapi2)
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.choose("FAPI 2.0", "RFC 7523 with RFC 10070"))
    }
}
