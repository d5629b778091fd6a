//! Whether the rules of a policy make sense: each by itself, all together, and with who we are. Called when a verifier is built.

use std::time::Duration;

use super::audience::Audiences;
use super::profiles::FOREIGN_TYPES;
use super::{AudienceRule, Policy, Presence};
use crate::config::ConfigError;
use crate::jose::media_type::is_media_type;

const LONGEST_SKEW: Duration = Duration::from_secs(300);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl Policy {
    pub(crate) fn check(&self, audiences: &Audiences) -> Result<(), ConfigError> {
        self.check_times()?;
        self.check_skew_of_profile()?;
        self.check_lifetime()?;
        let [future, expiry] = self.bounds.skews;
        self.check_against_profile("future_skew", Some(self.future_skew), future)?;
        self.check_against_profile("expiry_skew", Some(self.expiry_skew), expiry)?;
        self.check_against_profile("max_age", self.max_age, self.bounds.max_age)?;
        self.check_against_profile("max_lifetime", self.max_lifetime, self.bounds.max_lifetime)?;
        self.check_algorithms()?;
        self.check_keys()?;
        self.check_types()?;
        self.check_grant_types()?;
        self.check_audiences(audiences)
    }

    fn clash(&self, one: &'static str, other: &'static str, why: impl Into<String>) -> ConfigError {
        ConfigError::Contradiction { policy: self.name, settings: [one, other], why: why.into() }
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        for (setting, skew) in [("future_skew", self.future_skew), ("expiry_skew", self.expiry_skew)] {
            check_whole_seconds(setting, skew)?;
            if skew > LONGEST_SKEW {
                return Err(ConfigError::SkewTooLarge { setting });
            }
        }
        for (setting, time) in [("max_age (seconds)", self.max_age), ("max_lifetime (seconds)", self.max_lifetime)] {
            let Some(time) = time else { continue };
            check_whole_seconds(setting, time)?;
            if time.is_zero() {
                return Err(ConfigError::Zero { setting });
            }
            if time > LONGEST_LIFE {
                return Err(ConfigError::TooLarge { setting, limit: LONGEST_LIFE.as_secs() });
            }
        }
        Ok(())
    }

    fn check_skew_of_profile(&self) -> Result<(), ConfigError> {
        let (least, most) = self.bounds.future_skew;
        if (least..=most).contains(&self.future_skew) {
            return Ok(());
        }
        let (given, least, most) = (self.future_skew.as_secs(), least.as_secs(), most.as_secs());
        let why = format!("the skew is {given} s, and {} asks for {least} s to {most} s", self.bounds.profile);
        Err(self.clash("future_skew", "profile", why))
    }

    /// Something must end every assertion, or the replay store would have to remember it for ever.
    fn check_lifetime(&self) -> Result<(), ConfigError> {
        let by_age = self.iat == Presence::Required && self.max_age.is_some();
        let by_expiry = self.exp == Presence::Required && self.max_lifetime.is_some();
        if by_age || by_expiry {
            return Ok(());
        }
        let why = "nothing would end an assertion; require exp and bound its max_lifetime, or require iat and bound its \
                   max_age";
        match self.exp {
            Presence::Required => Err(self.clash("max_lifetime", "max_age", why)),
            Presence::Optional => Err(self.clash("optional_exp", "max_age", why)),
        }
    }

    /// A profile's own bound can be narrowed; [`dangerous`](Self::dangerous) removes it.
    fn check_against_profile(
        &self,
        setting: &'static str,
        given: Option<Duration>,
        bound: Option<Duration>,
    ) -> Result<(), ConfigError> {
        match (given, bound) {
            (Some(given), Some(bound)) if given > bound => {
                let (given, bound) = (given.as_secs(), bound.as_secs());
                let why = format!(
                    "{given} s is more than the {bound} s of {}; shorten it, or set it through dangerous()",
                    self.bounds.profile
                );
                Err(self.clash(setting, "profile", why))
            }
            _ => Ok(()),
        }
    }

    fn check_algorithms(&self) -> Result<(), ConfigError> {
        if self.algorithms.is_empty() {
            return Err(ConfigError::NoAlgorithms);
        }
        let one_of = self.bounds.one_of;
        if !one_of.is_empty() && self.algorithms.intersection(one_of).is_empty() {
            let why = format!("{} asks for at least one of {one_of}; allow one of these too", self.bounds.profile);
            return Err(self.clash("algorithms", "profile", why));
        }
        let foreign = self.algorithms.difference(self.bounds.algorithms);
        if foreign.is_empty() {
            return Ok(());
        }
        let why = format!("{} does not have {foreign}; leave it out, or take another profile", self.bounds.profile);
        Err(self.clash("algorithms", "profile", why))
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        match (self.key_trials, self.kid) {
            (0, Presence::Optional) => {
                let why = "without a kid a key must be tried, and none may be; allow at least one trial";
                Err(self.clash("optional_kid", "key_trials", why))
            }
            (0, Presence::Required) => Err(ConfigError::Zero { setting: "key_trials" }),
            (trials, _) if trials > self.bounds.key_trials => {
                let (most, profile) = (self.bounds.key_trials, self.bounds.profile);
                let why = format!("{trials} is more than the {most} of {profile}; set it through dangerous()");
                Err(self.clash("key_trials", "profile", why))
            }
            _ => Ok(()),
        }
    }

    fn check_types(&self) -> Result<(), ConfigError> {
        let foreign = |typ: &&&str| FOREIGN_TYPES.iter().any(|foreign| is_media_type(typ, foreign));
        if self.typ_accepted.iter().any(|typ| is_media_type(typ, "")) {
            return Err(ConfigError::InvalidText { setting: "accept_typ" });
        }
        if let Some(typ) = self.typ_accepted.iter().find(foreign) {
            let why = format!("{typ} is the type of another kind of JWT, which must never pass for an assertion");
            return Err(self.clash("accept_typ", "profile", why));
        }
        if self.typ_accepted.is_empty() && self.typ == Presence::Required {
            return Err(self.clash("accept_typ", "require_typ", "a type is required, and none is accepted"));
        }
        Ok(())
    }

    fn check_grant_types(&self) -> Result<(), ConfigError> {
        match self.grant_types {
            Some([]) => Err(ConfigError::NoGrantTypes),
            _ => Ok(()),
        }
    }

    fn check_audiences(&self, audiences: &Audiences) -> Result<(), ConfigError> {
        if self.needs_issuer() && audiences.issuer.is_none() {
            return Err(ConfigError::NoIssuer { policy: self.name });
        }
        if self.audience == AudienceRule::Urls && audiences.urls.is_empty() {
            return Err(ConfigError::NoAudience);
        }
        Ok(())
    }

    fn needs_issuer(&self) -> bool {
        self.audience.knows_issuer() || self.strict_by_typ
    }
}

/// Moments are compared exactly, and only whole seconds add up exactly.
fn check_whole_seconds(setting: &'static str, time: Duration) -> Result<(), ConfigError> {
    match time.subsec_nanos() {
        0 => Ok(()),
        _ => Err(ConfigError::FractionOfASecond { setting }),
    }
}
