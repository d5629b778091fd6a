//! What is wrong with the text of an assertion, and in which part of it.

use super::list::listed_enum;

listed_enum! {
    /// A part of the compact serialization of a signed JWT (RFC 7515, section 7.1).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum JwtPart {
        /// The JOSE header.
        Header => "header",
        /// The JWT claims set.
        Claims => "claims set",
        /// The signature.
        Signature => "signature",
    }
}

listed_enum! {
    /// A part of a signed JWT that is a JSON object (RFC 7519, section 7.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum JsonPart {
        /// The JOSE header.
        Header => "header",
        /// The JWT claims set.
        Claims => "claims set",
    }
}

listed_enum! {
    /// Why a part is not base64url as JOSE defines it (RFC 7515, section 2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Base64UrlFault {
        /// It has a `=`. JOSE leaves out padding.
        Padding => "has base64 padding",
        /// It has a `+` or `/` of the standard alphabet (RFC 4648, section 4). In a form, a `+`
        /// that is not escaped arrives as a space.
        StandardAlphabet => "uses the standard base64 alphabet instead of base64url",
        /// It has a space, a tab or a line break.
        WhiteSpace => "has white space",
        /// It has any other character outside of the alphabet, for example a quotation mark.
        Character => "has a character that is not base64url",
        /// Its last character does not complete a byte, or has stray bits: it was cut, or was not
        /// encoded correctly (RFC 4648, section 3.5).
        Incomplete => "does not end with a whole byte",
    }
}

listed_enum! {
    /// Why a decoded part is not one JSON object (RFC 7515, section 5.2; RFC 7519, section 7.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum JsonFault {
        /// It begins with a byte order mark (RFC 8259, section 8.1).
        ByteOrderMark => "begins with a byte order mark",
        /// It is in another encoding, for example UTF-16.
        NotUtf8 => "is not UTF-8",
        /// It is not JSON, or has text after the object. Lone surrogates are refused as well.
        Syntax => "is not valid JSON",
        /// It is a JSON value of another type.
        NotAnObject => "is not a JSON object",
        /// A member name occurs twice (RFC 7515, section 4; RFC 7519, section 4).
        RepeatedMember => "has a repeated member",
        /// It has more levels than the limit.
        TooDeep => "is nested too deeply",
    }
}

impl Base64UrlFault {
    /// Returns what to do.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Padding => "Leave out the = at the end of each part.",
            Self::StandardAlphabet => "Write - and _ instead of + and /: encode as base64url.",
            Self::WhiteSpace => {
                "Leave out spaces and line breaks, also at the end: curl --data-binary @file sends the line break that \
                 ends the file. A + in a form is a space. Do not write Bearer in front."
            }
            Self::Character => "Send the JWT alone, without quotation marks.",
            Self::Incomplete => "Send the whole part. It was cut, or not encoded correctly.",
        }
    }
}

impl JsonFault {
    /// Returns what to do.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "Encode the JSON without a byte order mark.",
            Self::NotUtf8 => "Encode the JSON as UTF-8, not as UTF-16 or in another charset.",
            Self::Syntax => "Sign JSON text, and only one object.",
            Self::NotAnObject => "Sign a JSON object, not a string that contains one.",
            Self::RepeatedMember => "Write each member once.",
            Self::TooDeep => "Nest fewer levels.",
        }
    }
}
