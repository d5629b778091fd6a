//! The vocabulary of the Redox API.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::link::ErrorLink;
use super::redox_rows::{KEY_NOT_FOUND, Row};
use super::response::ErrorResponse;
use super::{RenderRejection, VendorRow, standard_response};
use crate::rejection::{Claim, ClaimFault, ClientFault, Rejection, RejectionKind};
use crate::setting::{Setting, SettingError};

/// Answers with the texts of the Redox API's troubleshooting page, byte for byte, and with its
/// error code `invalid_request` for every fault of the client.
///
/// Faults that are not on that page are described as by [`Rfc6749`](super::Rfc6749), and faults of
/// the server are answered in the same way as by it.
///
/// Some of the texts contain quotation marks and one is empty, which RFC 6749, section 5.2, does
/// not allow. They are kept, because users search for exactly these texts.
#[derive(Clone, Debug)]
pub struct Redox {
    key_not_found: Box<str>,
    link: ErrorLink,
    standard_codes: bool,
}

impl Redox {
    /// Sets the name of the place where clients register their keys. It ends the text
    /// `Public key not found, check client_id, kid and ..`. Default: `Redox dashboard settings`.
    ///
    /// # Errors
    ///
    /// Fails if the name is empty or has a character outside those of RFC 6749, appendix A.8.
    pub fn settings_name(mut self, name: &str) -> Result<Self, SettingError> {
        let printable = name.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if name.is_empty() || !printable {
            let expected = "printable ASCII without quotation marks and backslashes (RFC 6749, appendix A.8)";
            let (setting, value) = (Setting::SettingsName, name.to_owned());
            return Err(SettingError::InvalidText { setting, value, expected });
        }
        self.key_not_found = key_not_found(name);
        Ok(self)
    }

    /// Adds one `error_uri` to every response: a page that explains the errors. Default: none. It
    /// replaces [`error_pages`](Self::error_pages).
    ///
    /// # Errors
    ///
    /// Fails if it is not a URI reference (RFC 6749, section 5.2; RFC 3986).
    pub fn error_uri(mut self, uri: &str) -> Result<Self, SettingError> {
        self.link = ErrorLink::one(uri)?;
        Ok(self)
    }

    /// Adds an `error_uri` to every response that leads to the section about its description, as
    /// [`Rfc6749::error_pages`](super::Rfc6749::error_pages) does. Default: none. It replaces
    /// [`error_uri`](Self::error_uri).
    ///
    /// # Errors
    ///
    /// Fails if it is not a URI reference (RFC 6749, section 5.2; RFC 3986), or has a fragment.
    pub fn error_pages(mut self, base: &str) -> Result<Self, SettingError> {
        self.link = ErrorLink::topics(base)?;
        Ok(self)
    }

    /// Keeps the texts, but uses the error codes of RFC 6749 and RFC 7521, mostly `invalid_client`.
    /// Default: every fault of the client is `invalid_request`.
    #[must_use]
    pub fn standard_codes(mut self) -> Self {
        self.standard_codes = true;
        self
    }

    /// Returns the text of the troubleshooting page, if the fault is on it.
    fn describe(&self, fault: &ClientFault) -> Option<&str> {
        use ClientFault as F;
        Some(match fault {
            F::AlgorithmNotAllowed
            | F::AlgorithmNotRegistered
            | F::CriticalHeader
            | F::MethodNotRegistered
            | F::JkuMismatch
            | F::WeakKey
            | F::SignatureLength
            | F::BadSignature => "",
            F::ContentType | F::Charset => "x-www-form-urlencoded content-type required",
            F::MissingGrantType => "Missing grant_type parameter",
            F::UnsupportedGrantType => "The grant_type parameter should equal 'client_credentials'",
            F::NoAuthentication(_) | F::MissingAssertionType => "Missing client assertion type",
            F::UnsupportedAssertionType => "Invalid client assertion type",
            F::MissingAssertion => "Missing client assertion",
            F::KidMissing | F::KidTooLong | F::KidInvalid | F::KidNeeded => "JWT header kid property is required",
            F::UnknownClient | F::KeySetUnavailable | F::NoKey | F::AmbiguousKey => &self.key_not_found,
            F::Claim(claim, fault) => redox_claim(*claim, *fault),
            F::ClientIdMismatch => "Unexpected iss claim value",
            F::Replayed => "Unexpected jti claim value",
            F::NotThreeParts | F::Encrypted => "JWTs must have three components",
            F::AssertionTooLong | F::NotBase64Url(..) | F::HeaderTooLong | F::NotJsonObject(..) => "JWT is malformed",
            F::TenantUnknown
            | F::Method
            | F::ContentEncoding
            | F::BodyTooLarge
            | F::BodyUnreadable
            | F::BodyTimeout
            | F::FormMalformed
            | F::TooManyParameters
            | F::RepeatedParameter(_)
            | F::CredentialsInQuery
            | F::SeveralMechanisms(_)
            | F::OtherMethod(_) => return None,
        })
    }

    /// Returns the row of the troubleshooting page about the fault, and the text that is sent.
    fn row(&self, kind: &RejectionKind) -> Option<(&'static Row, &str)> {
        let RejectionKind::Client(fault) = kind else { return None };
        let text = self.describe(fault)?;
        // The end of this text can be set.
        if text == &*self.key_not_found { Some((&KEY_NOT_FOUND, text)) } else { Some((Row::of(text)?, text)) }
    }
}

impl Default for Redox {
    fn default() -> Self {
        Self { key_not_found: key_not_found("Redox dashboard settings"), link: ErrorLink::None, standard_codes: false }
    }
}

impl RenderRejection for Redox {
    fn render(&self, rejection: &Rejection) -> Response<Bytes> {
        let mut response = standard_response(rejection.kind());
        let standard = std::mem::take(&mut response.description);
        let mut description = &*standard;
        if let RejectionKind::Client(fault) = rejection.kind() {
            description = self.describe(fault).unwrap_or(description);
            if !self.standard_codes {
                response = as_invalid_request(response);
            }
        }
        response.respond(Some(description), self.link.about(description).as_deref())
    }

    fn depends_on_kind_alone(&self) -> bool {
        true
    }

    /// Returns the notes of the troubleshooting page, word for word, and the crate's own advice for
    /// what has none there.
    fn advice(&self, kind: &RejectionKind) -> &'static str {
        match self.row(kind) {
            Some((row, _)) if !row.notes.is_empty() => row.notes,
            _ => kind.advice(),
        }
    }

    fn vendor_row(&self, kind: &RejectionKind) -> Option<VendorRow<'_>> {
        let (row, text) = self.row(kind)?;
        // A row that explains one text has it as its description, as it is sent.
        let description = if let [_] = row.texts
            && !text.is_empty()
        {
            text
        } else {
            row.description
        };
        Some(VendorRow { number: row.number, description, notes: row.notes })
    }
}

/// Only `invalid_client` may be a 401 (RFC 6749, section 5.2).
fn as_invalid_request(mut response: ErrorResponse) -> ErrorResponse {
    response.error = "invalid_request";
    if response.status == StatusCode::UNAUTHORIZED {
        response.status = StatusCode::BAD_REQUEST;
        response.header = None;
    }
    response
}

fn key_not_found(settings: &str) -> Box<str> {
    format!("Public key not found, check client_id, kid and {settings}").into()
}

fn redox_claim(claim: Claim, fault: ClaimFault) -> &'static str {
    match (claim, fault) {
        (Claim::Iss, _) => "Unexpected iss claim value",
        (Claim::Sub, _) => "Unexpected sub claim value",
        (Claim::Jti, _) => "Unexpected jti claim value",
        (Claim::Aud, _) => "Unexpected aud claim value",
        (Claim::Typ, _) => "Unexpected typ claim value",
        (Claim::Iat, ClaimFault::Past) => "\"iat\" claim timestamp check failed (too far in the past)",
        (Claim::Iat, ClaimFault::Future) => "\"iat\" claim timestamp check failed (it should be in the past)",
        (Claim::Iat, _) => "\"iat\" claim timestamp check failed",
        (Claim::Nbf, _) => "\"nbf\" claim timestamp check failed",
        (Claim::Exp, _) => "\"exp\" claim timestamp check failed",
    }
}
