//! Which kind of JWT it is, if it is no client assertion.

use super::MAX_DEPTH;
use crate::explain::hint::Hint;
use crate::explain::kind::OtherToken;
use crate::jose::json::{self, Visit};
use crate::jose::media_type::is_media_type;

/// The claims of other kinds of JWT that are there.
#[derive(Default)]
struct Marks {
    of_id_token: bool,
    of_access_token: bool,
    /// `typ` as Keycloak writes it among the claims.
    typ: Option<String>,
    has_logout: bool,
    has_events: bool,
}

/// Returns the hint about a JWT with this `typ` in its header.
pub(super) fn by_type(typ: &str) -> Option<Hint> {
    use OtherToken as T;
    const OTHERS: &[(&str, OtherToken)] = &[
        ("logout+jwt", T::LogoutToken),
        ("rt+jwt", T::RefreshToken),
        ("dpop+jwt", T::DpopProof),
        ("oauth-authz-req+jwt", T::RequestObject),
        ("secevent+jwt", T::SecurityEvent),
        ("token-introspection+jwt", T::IntrospectionResponse),
        ("oauth-client-attestation+jwt", T::ClientAttestation),
        ("oauth-client-attestation-pop+jwt", T::ClientAttestation),
        ("entity-statement+jwt", T::EntityStatement),
    ];
    if is_media_type(typ, "at+jwt") {
        return Some(Hint::AccessToken);
    }
    if is_media_type(typ, "id_token+jwt") {
        return Some(Hint::IdToken);
    }
    let other = OTHERS.iter().find(|(name, _)| is_media_type(typ, name));
    other.map(|(_, kind)| Hint::OtherToken { kind: *kind })
}

/// Returns the hint about a JWT with these claims.
pub(super) fn by_claims(claims: &str) -> Option<Hint> {
    let marks = Marks::of(claims)?;
    let is_typ = |name: &str| marks.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(name));
    match () {
        () if marks.has_logout => Some(Hint::OtherToken { kind: OtherToken::LogoutToken }),
        () if marks.has_events => Some(Hint::OtherToken { kind: OtherToken::SecurityEvent }),
        () if is_typ("Refresh") || is_typ("Offline") => Some(Hint::OtherToken { kind: OtherToken::RefreshToken }),
        () if is_typ("ID") => Some(Hint::IdToken),
        () if is_typ("Bearer") || is_typ("DPoP") => Some(Hint::AccessToken),
        () if marks.of_access_token => Some(Hint::AccessToken),
        () if marks.of_id_token => Some(Hint::IdToken),
        () => None,
    }
}

impl Marks {
    fn of(claims: &str) -> Option<Self> {
        let mut marks = Self::default();
        let read = json::object(claims, MAX_DEPTH, &mut |name, value| {
            match name {
                // OpenID Connect Core, sections 2 and 3.3.2.11.
                "nonce" | "auth_time" | "at_hash" | "c_hash" | "s_hash" | "acr" | "amr" | "azp" => {
                    marks.of_id_token = true;
                }
                // RFC 9068, section 2.2, and `scp` of Microsoft Entra.
                "scope" | "scp" | "client_id" => marks.of_access_token = true,
                "typ" => marks.typ = value.text().map(|typ| typ.into_owned()),
                "events" => {
                    marks.has_events = true;
                    // The value is not read: the name of the event is in its text.
                    marks.has_logout |= claims.contains("http://schemas.openid.net/event/backchannel-logout");
                }
                _ => {}
            }
            Visit::Ignored
        });
        read.ok().map(|()| marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(kind: OtherToken) -> Option<Hint> {
        Some(Hint::OtherToken { kind })
    }

    #[test]
    fn kinds_of_jwts_are_told_by_typ() {
        use OtherToken as T;
        let cases = [
            ("at+jwt", Some(Hint::AccessToken)),
            ("application/AT+JWT", Some(Hint::AccessToken)),
            ("logout+jwt", other(T::LogoutToken)),
            ("dpop+jwt", other(T::DpopProof)),
            ("oauth-authz-req+jwt", other(T::RequestObject)),
            ("secevent+jwt", other(T::SecurityEvent)),
            ("token-introspection+jwt", other(T::IntrospectionResponse)),
            ("oauth-client-attestation+jwt", other(T::ClientAttestation)),
            ("entity-statement+jwt", other(T::EntityStatement)),
            ("JWT", None),
            ("jose", None),
            ("client-authentication+jwt", None),
            ("", None),
        ];
        for (typ, expected) in cases {
            assert_eq!(by_type(typ), expected, "{typ}");
        }
    }

    #[test]
    fn kinds_of_jwts_are_told_by_claims() {
        use OtherToken as T;
        let logout = r#"{"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;
        let cases = [
            (r#"{"nonce":"n"}"#, Some(Hint::IdToken)),
            (r#"{"auth_time":1}"#, Some(Hint::IdToken)),
            (r#"{"at_hash":"x"}"#, Some(Hint::IdToken)),
            (r#"{"azp":"x"}"#, Some(Hint::IdToken)),
            (r#"{"typ":"ID","scope":"x"}"#, Some(Hint::IdToken)),
            (r#"{"typ":"Bearer","azp":"x"}"#, Some(Hint::AccessToken)),
            (r#"{"typ":"Refresh"}"#, other(T::RefreshToken)),
            (r#"{"scope":"openid"}"#, Some(Hint::AccessToken)),
            (r#"{"scp":"openid","azp":"x"}"#, Some(Hint::AccessToken)),
            (logout, other(T::LogoutToken)),
            (r#"{"events":{"https://schemas.openid.net/secevent/x":{}}}"#, other(T::SecurityEvent)),
            (r#"{"name":"Ada","Nonce":"n"}"#, None),
            (r#"{"nested":{"nonce":"n"}}"#, None),
            ("{", None),
            ("", None),
        ];
        for (claims, expected) in cases {
            assert_eq!(by_claims(claims), expected, "{claims}");
        }
    }
}
