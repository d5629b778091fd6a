//! Whether the rules of a policy make sense: each by itself, together, and against the profile.

use std::time::Duration;

use super::profiles::FOREIGN_TYPES;
use super::{Policy, PolicyError, Presence};
use crate::jose::media_type::is_media_type;
use crate::loosening::Loosening;
use crate::setting::{Setting, SettingError, no_longer_than, positive, whole_seconds};

const LONGEST_SKEW: Duration = Duration::from_secs(300);
const LONGEST_NAME: usize = 64;
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl Policy {
    /// Judges all rules. Called when a verifier is built.
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        self.check_values().map_err(|error| PolicyError::Setting { policy: self.owned_name(), error })?;
        self.check_future_skew()?;
        self.check_lifetime()?;
        self.check_times_of_profile()?;
        self.check_audience()?;
        self.check_algorithms()?;
        self.check_keys()?;
        self.check_types()?;
        self.check_grant_types()
    }

    fn owned_name(&self) -> String {
        String::from(&*self.name)
    }

    fn contradiction(&self, one: Setting, other: Setting, why: &'static str) -> PolicyError {
        PolicyError::Contradiction { policy: self.owned_name(), settings: [one, other], why }
    }

    fn outside_profile(&self, setting: Setting, why: String) -> PolicyError {
        PolicyError::OutsideProfile { policy: self.owned_name(), setting, why }
    }

    fn check_values(&self) -> Result<(), SettingError> {
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || self.name.chars().any(char::is_control) {
            let (setting, value) = (Setting::PolicyName, self.name.chars().take(LONGEST_NAME).collect());
            let expected = "1 to 64 bytes without control characters";
            return Err(SettingError::InvalidText { setting, value, expected });
        }
        for (setting, skew) in [(Setting::FutureSkew, self.future_skew), (Setting::ExpirySkew, self.expiry_skew)] {
            whole_seconds(setting, skew)?;
            no_longer_than(setting, skew, LONGEST_SKEW)?;
        }
        for (setting, time) in [(Setting::MaxAge, self.max_age), (Setting::MaxLifetime, self.max_lifetime)] {
            let Some(time) = time else { continue };
            whole_seconds(setting, time)?;
            positive(setting, time)?;
            no_longer_than(setting, time, LONGEST_LIFE)?;
        }
        Ok(())
    }

    fn check_future_skew(&self) -> Result<(), PolicyError> {
        let (least, most) = self.bounds.future_skew_range;
        if (least..=most).contains(&self.future_skew) {
            return Ok(());
        }
        let (profile, given) = (self.bounds.profile, self.future_skew.as_secs());
        let why = format!("{profile} requires {least:?} to {most:?}, but it is {given}s");
        Err(self.outside_profile(Setting::FutureSkew, why))
    }

    /// Every assertion must expire, or the replay store would have to remember it forever.
    fn check_lifetime(&self) -> Result<(), PolicyError> {
        let by_age = self.iat == Presence::Required && self.max_age.is_some();
        let by_expiry = self.exp == Presence::Required && self.max_lifetime.is_some();
        if by_age || by_expiry {
            return Ok(());
        }
        let why = "an assertion would never expire; require exp and set max_lifetime, or require iat and set max_age";
        match self.exp {
            Presence::Required => Err(self.contradiction(Setting::MaxLifetime, Setting::MaxAge, why)),
            Presence::Optional => Err(self.contradiction(Setting::OptionalExp, Setting::MaxAge, why)),
        }
    }

    /// The bounds of a profile can be narrowed here; [`dangerous`](Self::dangerous) removes them.
    fn check_times_of_profile(&self) -> Result<(), PolicyError> {
        let times = [
            (Setting::FutureSkew, Some(self.future_skew), self.bounds.future_skew),
            (Setting::ExpirySkew, Some(self.expiry_skew), self.bounds.expiry_skew),
            (Setting::MaxAge, self.max_age, self.bounds.max_age),
            (Setting::MaxLifetime, self.max_lifetime, self.bounds.max_lifetime),
        ];
        for (setting, given, bound) in times {
            if let (Some(given), Some(bound)) = (given, bound)
                && given > bound
            {
                let why = format!(
                    "{given:?} is more than the {bound:?} of {}; shorten it, or set it through dangerous()",
                    self.bounds.profile
                );
                return Err(self.outside_profile(setting, why));
            }
        }
        Ok(())
    }

    fn check_audience(&self) -> Result<(), PolicyError> {
        let of_profile = self.base().audience;
        if !self.audience.is_laxer_than(of_profile) || self.loosened.contains(Loosening::Audience) {
            return Ok(());
        }
        let (given, profile) = (self.audience, self.bounds.profile);
        let why = format!("{profile} requires {of_profile:?}, but it is {given:?}; set that through dangerous()");
        Err(self.outside_profile(Setting::AudienceRule, why))
    }

    fn check_algorithms(&self) -> Result<(), PolicyError> {
        if self.algorithms.is_empty() {
            return Err(PolicyError::NoAlgorithms { policy: self.owned_name() });
        }
        let (profile, one_of) = (self.bounds.profile, self.bounds.one_of);
        if !one_of.is_empty() && self.algorithms.intersection(one_of).is_empty() {
            let why = format!("{profile} requires at least one of {one_of}; allow one of them as well");
            return Err(self.outside_profile(Setting::Algorithms, why));
        }
        let foreign = self.algorithms.difference(self.bounds.algorithms);
        if foreign.is_empty() {
            return Ok(());
        }
        let why = format!("{profile} does not allow {foreign}; allow fewer, or start from another profile");
        Err(self.outside_profile(Setting::Algorithms, why))
    }

    fn check_keys(&self) -> Result<(), PolicyError> {
        match (self.key_trials, self.kid) {
            (0, Presence::Optional) => {
                let why = "without a kid a key must be tried, and no trial is allowed; allow at least one";
                Err(self.contradiction(Setting::OptionalKid, Setting::KeyTrials, why))
            }
            (0, Presence::Required) => {
                let error = SettingError::Zero { setting: Setting::KeyTrials };
                Err(PolicyError::Setting { policy: self.owned_name(), error })
            }
            (trials, _) if trials > self.bounds.key_trials => {
                let (most, profile) = (self.bounds.key_trials, self.bounds.profile);
                let why = format!(
                    "{trials} is more than the limit of {profile}, which is {most}; lower it, or set it through dangerous()"
                );
                Err(self.outside_profile(Setting::KeyTrials, why))
            }
            _ => Ok(()),
        }
    }

    fn check_types(&self) -> Result<(), PolicyError> {
        if let Some(typ) = self.accepted_typ.iter().find(|typ| is_media_type(typ, "")) {
            let (setting, value) = (Setting::AcceptTyp, typ.to_owned());
            let error = SettingError::InvalidText { setting, value, expected: "a media type such as JWT" };
            return Err(PolicyError::Setting { policy: self.owned_name(), error });
        }
        let foreign = |typ: &&str| FOREIGN_TYPES.iter().any(|foreign| is_media_type(typ, foreign));
        if let Some(typ) = self.accepted_typ.iter().find(foreign) {
            return Err(PolicyError::ForeignTyp { policy: self.owned_name(), typ: typ.to_owned() });
        }
        if self.accepted_typ.is_empty() && self.typ == Presence::Required {
            let why = "a type is required, and none is accepted; accept one, or do not require it";
            return Err(self.contradiction(Setting::AcceptTyp, Setting::RequireTyp, why));
        }
        Ok(())
    }

    fn check_grant_types(&self) -> Result<(), PolicyError> {
        match &self.grant_types {
            Some(names) if names.is_empty() => Err(PolicyError::NoGrantTypes { policy: self.owned_name() }),
            _ => Ok(()),
        }
    }

    /// Returns whether the policy needs an issuer: its audience rule accepts it, or assertions with
    /// the `typ` of RFC 10070 must name it.
    pub(crate) fn needs_issuer(&self) -> bool {
        self.audience.knows_issuer() || self.strict_by_typ
    }
}
