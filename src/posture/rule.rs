//! What a rule is: its name, what each baseline asks, the risk, and what to do.

use super::Baseline;

/// A rule of the report. Each has an id that is never given to another rule.
///
/// ```
/// use tower_client_assertion::posture::{self, Baseline};
///
/// let mut rules = posture::rules();
/// let rule = rules.find(|rule| rule.id() == "P02").unwrap();
/// assert_eq!(rule.name(), "audience_string");
/// assert_eq!(rule.asks(&Baseline::FAPI2), "the issuer as a JSON string");
/// assert_eq!(
///     rule.source(&Baseline::FAPI2),
///     "FAPI 2.0 Security Profile, section 5.3.2.1, item 8",
/// );
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) setting: &'static str,
    pub(super) fapi2: Asked,
    pub(super) rfc7523: Asked,
    pub(super) risk: &'static str,
    pub(super) advice: &'static str,
}

/// What a baseline asks for, and where that is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked(pub(super) &'static str, pub(super) &'static str);

impl Rule {
    /// Returns the id, for example `P01`.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the name, for example `sole_audience`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the setting that the rule is about, as users write it.
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// Returns what `baseline` asks for.
    pub const fn asks(&self, baseline: &Baseline) -> &'static str {
        self.asked(*baseline).0
    }

    /// Returns the source of what `baseline` asks for: a section of a specification, or the page of
    /// this crate's manual.
    pub const fn source(&self, baseline: &Baseline) -> &'static str {
        self.asked(*baseline).1
    }

    /// Returns the risk of a configuration that is weaker than the rule asks.
    pub const fn risk(&self) -> &'static str {
        self.risk
    }

    /// Returns what to do about it.
    pub const fn advice(&self) -> &'static str {
        self.advice
    }

    const fn asked(&self, baseline: Baseline) -> Asked {
        baseline.choose(self.fapi2, self.rfc7523)
    }
}

/// Declares the rules of one subject, and `RULES`, which lists them.
macro_rules! rules {
    (@asked fapi2 $fapi2:literal = $source:literal, rfc7523 $rfc7523:literal = $other:literal) => {
        [$crate::posture::rule::Asked($fapi2, $source), $crate::posture::rule::Asked($rfc7523, $other)]
    };
    (@asked both $asks:literal = $source:literal) => {
        [$crate::posture::rule::Asked($asks, $source); 2]
    };
    ($($rule:ident = $id:literal $name:ident, $setting:literal:
        asks { $($asked:tt)+ },
        risk $risk:expr,
        advice $advice:literal;)+) => {
        $(pub(super) static $rule: $crate::posture::rule::Rule = {
            let [fapi2, rfc7523] = $crate::posture::rule::rules!(@asked $($asked)+);
            $crate::posture::rule::Rule {
                id: $id, name: stringify!($name), setting: $setting, fapi2, rfc7523, risk: $risk, advice: $advice,
            }
        };)+

        pub(super) static RULES: &[&$crate::posture::rule::Rule] = &[$(&$rule),+];
    };
}

pub(super) use rules;
