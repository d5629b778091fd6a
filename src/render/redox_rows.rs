//! The table of the Redox API's troubleshooting page: quoted, with the vendor's notes.
//!
//! `tests/vectors/redox_page.txt` is a copy of the page, with which the tests compare this table.

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// Its place in the table.
    pub(super) number: usize,
    /// The first cell. It may stand for several texts.
    pub(super) description: &'static str,
    /// The second cell: what to do. Two rows have none.
    pub(super) notes: &'static str,
    /// The texts that are sent and that this row explains.
    pub(super) texts: &'static [&'static str],
}

impl Row {
    /// Returns the row that explains `text`.
    pub(super) fn of(text: &str) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.texts.contains(&text))
    }
}

/// The rows in the order of the page.
#[rustfmt::skip]
pub(super) const ROWS: [Row; 12] = [
    Row {
        number: 1,
        description: "\"\"",
        notes: "If you receive a blank error_description, confirm that all the parameter values (e.g., aud, alg, jti) are correct. Review the expected values if you need a refresher.",
        texts: &[
            "",
        ],
    },
    Row {
        number: 2,
        description: "x-www-form-urlencoded content-type required",
        notes: "The content-type header needs to be application/x-www-form-urlencoded when POSTing to the /v2/auth/token endpoint.",
        texts: &[
            "x-www-form-urlencoded content-type required",
        ],
    },
    Row {
        number: 3,
        description: "Missing grant_type parameter or The grant_type parameter should equal 'client_credentials'",
        notes: "The request body needs a key of grant_type set to client_credentials per the OAuth 2.0 specification.",
        texts: &[
            "Missing grant_type parameter",
            "The grant_type parameter should equal 'client_credentials'",
        ],
    },
    Row {
        number: 4,
        description: "Missing client assertion type or Invalid client assertion type",
        notes: "The request body needs the client_assertion_type parameter populated with urn:ietf:params:oauth:client-assertion-type:jwt-bearer. Learn about rfc7523.",
        texts: &[
            "Missing client assertion type",
            "Invalid client assertion type",
        ],
    },
    Row {
        number: 5,
        description: "Missing client assertion",
        notes: "The request body needs the parameter client_assertion with the value of your signed assertion.",
        texts: &[
            "Missing client assertion",
        ],
    },
    Row {
        number: 6,
        description: "JWT header kid property is required",
        notes: "We require that a kid property be sent in the header of your signed assertion. This allows you to use multiple public keys or do key rotations. Many libraries support this functionality out of the box.",
        texts: &[
            "JWT header kid property is required",
        ],
    },
    KEY_NOT_FOUND,
    Row {
        number: 8,
        description: "Unexpected X claim value",
        notes: "There are a few claim values or header values that could be missing or not formatted correctly. This could be any of these values \"iss\" \"sub\" \"jti\" \"aud\" \"typ\"",
        texts: &[
            "Unexpected iss claim value",
            "Unexpected sub claim value",
            "Unexpected jti claim value",
            "Unexpected aud claim value",
            "Unexpected typ claim value",
        ],
    },
    Row {
        number: 9,
        description: "\"X\" claim timestamp check failed",
        notes: "The timestamp for any of these claim values might fail and return this type of error: \"iat\" \"nbf\" \"exp\" \"iat\"",
        texts: &[
            "\"nbf\" claim timestamp check failed",
            "\"exp\" claim timestamp check failed",
        ],
    },
    Row {
        number: 10,
        description: "\"iat\" claim timestamp check failed",
        notes: "It's possible that the iat timestamp failed. An additional message may categorize the issue: (it should be in the past) (too far in the past) Redox expects the iat parameter value to be within the past 5 minutes. We allow a clock skew of 10 seconds, so if you keep receiving this error, you may want to check that your system clock is working as expected.",
        texts: &[
            "\"iat\" claim timestamp check failed",
            "\"iat\" claim timestamp check failed (it should be in the past)",
            "\"iat\" claim timestamp check failed (too far in the past)",
        ],
    },
    Row {
        number: 11,
        description: "JWTs must have three components",
        notes: "",
        texts: &[
            "JWTs must have three components",
        ],
    },
    Row {
        number: 12,
        description: "JWT is malformed",
        notes: "",
        texts: &[
            "JWT is malformed",
        ],
    },
];

/// The row whose text ends with a name that the server can set.
pub(super) const KEY_NOT_FOUND: Row = Row {
    number: 7,
    description: "Public key not found, check client_id, kid and Redox dashboard settings",
    notes: "Something is wrong with the configuration for your API key. You may see this error if any of these steps fail: (a) Pull the client_id out of the signed JWT iss property; (b) look up the corresponding public keys from the JWKS URL or dashboard; and (c) use the kid property from the JWT header to find the right public key to verify with. If this error appears, you may have the wrong client_id in your assertion or you may have forgotten to click the Save Changes button when setting public keys in the dashboard.",
    texts: &["Public key not found, check client_id, kid and Redox dashboard settings"],
};
