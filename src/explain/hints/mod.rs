//! The expert's eye: what a refused request looks like.
//!
//! Each hint is a pure function over what was sent and what is registered, in a file for its
//! subject. This file calls them if a step failed that the hint explains. Nothing is fetched, and
//! the registry is asked only for a `sub` that differs from `iss`.

mod audience;
mod dates;
mod key_ids;
mod registration;
mod search;
mod sent;
mod signatures;
mod token_kind;

use std::borrow::Cow;

use super::context::Context;
use super::hint::Hint;
use super::kind::AudKind;
use crate::jose::base64url;
use crate::jose::json;
use crate::policy::Policy;
use crate::rejection::{Claim, Parameter, Reason};
use crate::text::Excerpt;
use crate::verifier::assertion::{Assertion, Audience, Field};
use crate::verifier::rules::Rules;
use crate::verifier::times::date_of;
use crate::verifier::{Pairs, is_der};
use dates::Date;
use signatures::Signed;

/// Deep enough for any header or claims of a JWT.
const MAX_DEPTH: usize = 64;

/// Returns what the request of `context` looks like, the most specific first.
pub(super) fn hints(context: &Context<'_>) -> Vec<Hint> {
    let mut hints = context.about_form();
    if let Some(assertion) = context.assertion {
        hints.extend(context.about_claims(assertion));
        hints.extend(context.about_key(assertion));
    }
    hints.extend(context.about_source());
    hints.extend(context.about_registration());
    hints
}

impl Context<'_> {
    fn failed(&self, reasons: &[Reason]) -> bool {
        self.failed.iter().any(|reason| reasons.contains(reason))
    }

    fn about_form(&self) -> Vec<Hint> {
        use Reason as R;
        let no_form = [
            R::ContentType,
            R::Charset,
            R::FormMalformed,
            R::GrantTypeMissing,
            R::NoAuthentication,
            R::AssertionTypeMissing,
            R::AssertionMissing,
        ];
        let body = self.failed(&no_form).then(|| sent::about_body(self.body)).flatten();
        let value = self.parameter.as_deref().filter(|_| self.failed(&[R::NotThreeParts, R::Malformed, R::Encrypted]));
        body.into_iter().chain(self.about_type()).chain(value.map(sent::about_value).unwrap_or_default()).collect()
    }

    /// No type that is encoded twice is supported.
    fn about_type(&self) -> Option<Hint> {
        let mut pairs = Pairs::of(self.body);
        let (_, value) = pairs.find(|(name, _)| name.parameter() == Some(Parameter::ClientAssertionType))?;
        sent::about_type(&value.unescape().ok()?)
    }

    fn about_claims(&self, assertion: &Assertion<'_>) -> Vec<Hint> {
        let text = claims_of(assertion.signing_input).unwrap_or_default();
        let kind = self.token_kind(assertion, &text);
        let audience = self.rules.iter().flat_map(|rules| self.about_audience(assertion, rules));
        // Another kind of JWT has its own issuer and subject.
        let may_be_swapped = kind.is_none() && self.failed(&[Reason::SubUnexpected]);
        let subject = may_be_swapped.then(|| self.about_subject(assertion)).flatten();
        let dates = dates::about_dates(&self.dates(assertion), self.at);
        let texts = dates::about_texts(&text);
        let audience = audience.map(|kind| Hint::AudNear { kind });
        kind.into_iter().chain(audience).chain(subject).chain(dates).chain(texts).collect()
    }

    /// No policy accepts the `typ` of another kind of JWT. But clients add claims of all kinds to
    /// their assertions, so these count only where `iss` is known to be no client.
    fn token_kind(&self, assertion: &Assertion<'_>, claims: &str) -> Option<Hint> {
        let of_others = [Reason::SubUnexpected, Reason::SubMissing];
        let typ = assertion.header.typ.text();
        let is_unknown = self.failed(&[Reason::UnknownClient]);
        let claims = (is_unknown && self.failed(&of_others)).then_some(claims);
        typ.and_then(token_kind::by_type).or_else(|| claims.and_then(token_kind::by_claims))
    }

    fn about_audience(&self, assertion: &Assertion<'_>, rules: &Rules<'_>) -> Vec<AudKind> {
        match (&assertion.claims.aud, self.failed(&[Reason::AudUnexpected, Reason::AudMalformed])) {
            (Field::Is(aud), true) => kinds_of_audience(aud, assertion, rules, self.verifier.policies()),
            _ => Vec::new(),
        }
    }

    /// `iss` and `sub` differ. A client that both of them name says nothing about either.
    fn about_subject(&self, assertion: &Assertion<'_>) -> Option<Hint> {
        let sub = assertion.claims.sub.text()?;
        let is_unknown = self.failed(&[Reason::UnknownClient]);
        match self.verifier.is_registered(sub)? {
            false if self.client.is_some() => Some(Hint::SubIsUser),
            true if is_unknown => Some(Hint::IssSubSwapped),
            true | false => None,
        }
    }

    fn dates(&self, assertion: &Assertion<'_>) -> Vec<Date> {
        let claims = &assertion.claims;
        let dates = [(Claim::Iat, &claims.iat), (Claim::Nbf, &claims.nbf), (Claim::Exp, &claims.exp)];
        let dates = dates.into_iter().filter_map(|(claim, field)| Some((claim, date_of(field)?.as_secs())));
        dates.map(|(claim, secs)| Date { claim, secs, failed: self.failed(date_unaccepted(claim)) }).collect()
    }

    fn about_key(&self, assertion: &Assertion<'_>) -> Vec<Hint> {
        use Reason as R;
        let kid = assertion.header.kid.text();
        let no_key = self.keys.filter(|_| self.failed(&[R::NoKey, R::KidInvalid]));
        let near = no_key.zip(kid).map(|(keys, kid)| key_ids::near(kid, keys)).unwrap_or_default();
        let unusable = self.keys.filter(|_| self.failed(&[R::NoKey, R::WeakKey]));
        let skipped = unusable.map(|keys| registration::skipped(kid, keys)).unwrap_or_default();
        near.into_iter().chain(self.about_signature(assertion)).chain(skipped).collect()
    }

    fn about_signature(&self, assertion: &Assertion<'_>) -> Vec<Hint> {
        use Reason as R;
        let algorithm = self.rules.and_then(|rules| rules.allowed_algorithm(&assertion.header));
        let Some(algorithm) = algorithm else { return Vec::new() };
        let Assertion { header, signing_input: input, signature, .. } = assertion;
        let signed = Signed { kid: header.kid.text(), algorithm, input, signature };
        let is_bad = self.failed(&[R::BadSignature]);
        let has_other_key = is_bad || self.failed(&[R::NoKey]);
        let is_der = signatures::is_ecdsa(algorithm) && is_der(signature);
        let der = (is_der && (is_bad || self.failed(&[R::SignatureLength]))).then_some(Hint::DerSignature);
        let client = self.client.filter(|_| is_bad);
        let secret = client.and_then(|client| signatures::secret_as_text(&signed, client, self.at));
        let other = self.keys.filter(|_| has_other_key).and_then(|keys| signatures::other_key(&signed, keys));
        der.into_iter().chain(secret).chain(other).collect()
    }

    /// The key set is to blame if there are no keys to judge by, or if another one could have the
    /// key.
    fn about_source(&self) -> Vec<Hint> {
        use Reason as R;
        let by_key = [R::KeySetUnavailable, R::KeySetFetch, R::NoKey, R::WeakKey, R::BadSignature];
        let source = self.client.and_then(|client| client.key_source());
        let source = source.filter(|_| self.keys.is_none() || self.failed(&by_key));
        source.map(|source| registration::about_source(&source.state(), self.at)).unwrap_or_default()
    }

    fn about_registration(&self) -> Vec<Hint> {
        use Reason as R;
        let by_registration = [
            R::KidTooLong,
            R::AlgNotAllowed,
            R::AlgNotRegistered,
            R::IssTooLong,
            R::MethodNotRegistered,
            R::NoKey,
            R::WeakKey,
            R::Registry,
        ];
        let Some(client) = self.client.filter(|_| self.failed(&by_registration)) else { return Vec::new() };
        let problems = self.verifier.problems_at(client, Some(self.at));
        registration::refused(client.problem().map(str::to_owned).into_iter().chain(problems))
    }
}

/// How the values of `aud` differ from what is accepted.
fn kinds_of_audience(
    aud: &Audience<'_>,
    assertion: &Assertion<'_>,
    rules: &Rules<'_>,
    policies: &[Policy],
) -> Vec<AudKind> {
    let values: Vec<_> = match aud {
        Audience::One(value) => vec![Cow::Borrowed(&**value)],
        Audience::Many(array) => json::elements(array).take(rules.limits.audiences).flatten().collect(),
    };
    let accepts = |policy| Rules { policy, ..*rules }.check_aud(&assertion.header, &assertion.claims).is_ok();
    let refused = audience::Refused {
        values: &values,
        is_array: matches!(aud, Audience::Many(_)),
        rule: rules.audience_rule(&assertion.header),
        audiences: rules.audiences,
    };
    refused.kinds(policies.iter().any(accepts))
}

/// Returns the claims as they were signed.
fn claims_of(signing_input: &[u8]) -> Option<String> {
    let (_, claims) = std::str::from_utf8(signing_input).ok()?.split_once('.')?;
    String::from_utf8(base64url::decode(claims)?).ok()
}

/// The reasons why a date is refused that could be read.
fn date_unaccepted(claim: Claim) -> &'static [Reason] {
    match claim {
        Claim::Iat => &[Reason::IatPast, Reason::IatFuture],
        Claim::Nbf => &[Reason::NbfFuture],
        Claim::Exp => &[Reason::ExpPast, Reason::ExpFuture],
        Claim::Iss | Claim::Sub | Claim::Jti | Claim::Aud | Claim::Typ => &[],
    }
}

/// Returns a text of others as an [`Excerpt`] shows it, without its quotation marks.
fn excerpt(text: &str) -> String {
    let shown = Excerpt::new(text).to_string();
    let inner = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
    inner.unwrap_or(shown)
}
