//! How forms are read: strictly for the parameters that the verifier uses, and not at all for
//! others.

use crate::common::{CLIENT, Jwt, SIGNER, client_fault, fixture, form, key_set, now_or_never, verifier, verify};
use proptest::prelude::*;
use tower_client_assertion::policy::Limits;
use tower_client_assertion::registry::Client;
use tower_client_assertion::rejection::{AuthScheme, ClientFault, Parameter};
use tower_client_assertion::{TokenRequest, Verifier};

fn fault(verifier: &Verifier, request: &TokenRequest<'_>) -> Option<ClientFault> {
    now_or_never(verifier.verify(request)).err().map(client_fault)
}

/// `@` stands for a correct assertion.
fn fault_of(body: &str) -> Option<ClientFault> {
    let body = body.replace('@', &Jwt::new().signed());
    fault(&verifier(), &TokenRequest::new(body.as_bytes()))
}

const HEAD: &str = "grant_type=client_credentials&client_assertion_type=\
    urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=@";

#[test]
fn equivalent_forms_are_accepted() {
    for body in [
        HEAD.to_owned(),
        HEAD.replace("%3A", ":"),
        HEAD.replace("%3A", "%3a"),
        HEAD.replace("client_assertion=", "client%5Fassertion="),
        HEAD.replace("client_assertion=", "%63lient_%61ssertion="),
        HEAD.replace("client_credentials", "client%5fcredentials"),
        format!("&&{HEAD}&&"),
        format!("{HEAD}&=&=x&x&x=&%zz=%zz&\u{e9}=\u{e9}"),
        format!("{HEAD}&client_assertion[]=x&Client_Assertion=x&client-assertion=x&client_assertion%00=x"),
        format!("{HEAD}&client_id={CLIENT}"),
        format!("{HEAD}&client_id=clinic%2D7"),
        format!("{HEAD}&scope=a%zz&code=%ff"),
    ] {
        assert_eq!(fault_of(&body), None, "{body}");
    }
}

#[test]
fn needless_escapes_in_an_assertion_are_accepted() {
    let assertion = Jwt::new().signed().replace('.', "%2E").replace('e', "%65");
    assert_eq!(fault_of(&HEAD.replace('@', &assertion)), None);
}

#[test]
fn escapes_are_decoded_at_any_position() {
    for len in [0, 1, 14, 15, 16, 17, 30, 31, 32, 33, 34, 63, 64, 65, 200] {
        let id = |escape: &str| "x".repeat(len) + escape + "y";
        let client = Client::new(&id(" "), key_set(&[SIGNER.jwk()])).unwrap();
        let verifier = fixture().clients([client]).build();
        for (written, expected) in [("+", None), ("%20", None), ("%2B", Some(ClientFault::ClientIdMismatch))] {
            let assertion = Jwt::by(&SIGNER, &id(" ")).signed();
            let body = HEAD.replace('@', &assertion) + "&client_id=" + &id(written) + "&scope=x";
            assert_eq!(fault(&verifier, &TokenRequest::new(body.as_bytes())), expected, "{len} before {written}");
        }
    }
}

#[test]
fn undecodable_parameters_are_refused_if_they_are_read() {
    for value in ["%", "%4", "%zz", "%+1", "%%", "a%", "%ff", "%c0%af", "%ed%a0%80", "x%80"] {
        for name in ["grant_type", "client_assertion_type", "client_assertion", "client_id"] {
            let body = format!("{name}={value}");
            assert_eq!(fault_of(&body), Some(ClientFault::FormMalformed), "{body}");
        }
    }
    for name in ["grant_type", "client_assertion_type", "client_assertion", "client_id"] {
        let raw = [name.as_bytes(), b"=a.b.\xff"].concat();
        assert_eq!(fault(&verifier(), &TokenRequest::new(&raw)), Some(ClientFault::FormMalformed), "{name}");
    }
}

/// Whether the assertion is UTF-8 is only checked when it is refused, and then takes precedence
/// over every other fault.
#[test]
fn invalid_utf_8_takes_precedence_over_other_faults() {
    // \u{1} stands for a byte that is not UTF-8.
    let long = "x".repeat(20_000);
    for assertion in ["\u{1}", "a.b", "a.b.\u{1}", "a.b.c.\u{1}", "e30.e30.\u{1}", &format!("{long}\u{1}")] {
        for body in [
            HEAD.to_owned(),
            HEAD.replace("client_credentials", "password"),
            HEAD.replace("jwt-bearer", "saml2-bearer"),
            format!("{HEAD}&client_secret=x"),
            format!("{HEAD}&scope=x&scope=x"),
        ] {
            let body = body.replace('@', assertion);
            let text = body.clone().into_bytes();
            let raw: Vec<_> = text.iter().map(|byte| if *byte == 1 { 0xFF } else { *byte }).collect();
            let escaped = body.replace('\u{1}', "%ff").into_bytes();
            let plain = !assertion.contains('\u{1}');
            for (spelling, is_text) in [(text, true), (raw, plain), (escaped, plain)] {
                let found = fault(&verifier(), &TokenRequest::new(&spelling));
                assert_eq!(found == Some(ClientFault::FormMalformed), !is_text, "{spelling:?}: {found:?}");
            }
        }
    }
}

#[test]
fn standard_parameters_must_not_be_repeated() {
    let parameters = [
        ("client_assertion", Parameter::ClientAssertion),
        ("client_assertion_type", Parameter::ClientAssertionType),
        ("client_id", Parameter::ClientId),
        ("client_secret", Parameter::ClientSecret),
        ("code", Parameter::Code),
        ("code_verifier", Parameter::CodeVerifier),
        ("grant_type", Parameter::GrantType),
        ("redirect_uri", Parameter::RedirectUri),
        ("refresh_token", Parameter::RefreshToken),
        ("scope", Parameter::Scope),
        ("actor_token", Parameter::ActorToken),
        ("actor_token_type", Parameter::ActorTokenType),
        ("assertion", Parameter::Assertion),
        ("code_challenge", Parameter::CodeChallenge),
        ("code_challenge_method", Parameter::CodeChallengeMethod),
        ("device_code", Parameter::DeviceCode),
        ("password", Parameter::Password),
        ("request", Parameter::Request),
        ("request_uri", Parameter::RequestUri),
        ("requested_token_type", Parameter::RequestedTokenType),
        ("response_type", Parameter::ResponseType),
        ("state", Parameter::State),
        ("subject_token", Parameter::SubjectToken),
        ("subject_token_type", Parameter::SubjectTokenType),
        ("token", Parameter::Token),
        ("token_type_hint", Parameter::TokenTypeHint),
        ("username", Parameter::Username),
    ];
    for (name, parameter) in parameters {
        assert_eq!(parameter.name(), name);
        // The second occurrence is not decoded, so it may have any value.
        for second in ["x", "", "%zz"] {
            for spelling in [
                name.to_owned(),
                name.replacen(&name[..1], &format!("%{:02x}", name.as_bytes()[0]), 1),
                name.bytes().map(|byte| format!("%{byte:02x}")).collect(),
                name.replace(name.chars().last().unwrap(), &format!("%{:02X}", name.bytes().last().unwrap())),
            ] {
                let body = format!("{name}=x&{spelling}={second}");
                assert_eq!(fault_of(&body), Some(ClientFault::RepeatedParameter(parameter)), "{body}");
            }
        }
    }
}

#[test]
fn an_empty_parameter_counts_as_missing() {
    let cases = [
        (HEAD.replace("client_credentials", ""), ClientFault::MissingGrantType),
        (HEAD.replace("=@", "="), ClientFault::MissingAssertion),
        (HEAD.replace("=@", ""), ClientFault::MissingAssertion),
        ("grant_type=client_credentials&client_assertion=@".to_owned(), ClientFault::MissingAssertionType),
        (
            "grant_type=client_credentials&client_assertion=&client_assertion_type=".to_owned(),
            ClientFault::NoAuthentication(None),
        ),
        (String::new(), ClientFault::MissingGrantType),
    ];
    for (body, expected) in cases {
        assert_eq!(fault_of(&body), Some(expected), "{body}");
    }
}

#[test]
fn credentials_in_the_query_are_refused_in_any_spelling() {
    let body = form(&Jwt::new().signed());
    for query in [
        "client_assertion=x",
        "a=b&client_secret",
        "client%5fassertion=",
        "%63lient_secret=x",
        "client_assertion_type=x",
        "client_id=clinic-7",
        "client_id=clinic-8",
        "x&client%5fid",
    ] {
        let request = TokenRequest::new(body.as_bytes()).with_query(query);
        assert_eq!(fault(&verifier(), &request), Some(ClientFault::CredentialsInQuery), "{query}");
    }
    let request = TokenRequest::new(body.as_bytes()).with_query("x=client_secret&client_secret2=1&client_ids=x&%zz");
    assert_eq!(fault(&verifier(), &request), None);
}

/// Without an assertion there is no client yet, and the handler decides.
#[test]
fn a_client_id_in_the_query_passes_without_an_assertion() {
    let request = TokenRequest::new(b"grant_type=authorization_code&code=x");
    for (query, passes) in [("client_id=a", true), ("client_secret=a", false), ("client_assertion_type=a", false)] {
        let request = request.clone().with_query(query);
        let passed = now_or_never(verifier().verify_optional(&request));
        assert_eq!(matches!(passed, Ok(None)), passes, "{query}: {passed:?}");
    }
}

#[test]
fn only_one_authentication_mechanism_is_accepted() {
    let body = form(&Jwt::new().signed());
    let request = TokenRequest::new(body.as_bytes());
    let secret = body.clone() + "&client_secret=s";
    let bare = "grant_type=client_credentials&client_secret=s";
    let cases = [
        (request.clone().with_authorization(b"Basic YTpi"), ClientFault::SeveralMechanisms(Some(AuthScheme::Basic))),
        (request.clone().with_authorization(b"bAsIc"), ClientFault::SeveralMechanisms(Some(AuthScheme::Basic))),
        (request.clone().with_authorization(b"x"), ClientFault::SeveralMechanisms(Some(AuthScheme::Other))),
        (request.with_attestation(), ClientFault::SeveralMechanisms(None)),
        (TokenRequest::new(secret.as_bytes()), ClientFault::SeveralMechanisms(None)),
        (TokenRequest::new(bare.as_bytes()), ClientFault::NoAuthentication(None)),
        (
            TokenRequest::new(bare.as_bytes()).with_authorization(b"DPoP x"),
            ClientFault::NoAuthentication(Some(AuthScheme::DPoP)),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(fault(&verifier(), &request), Some(expected));
    }
}

#[test]
fn the_number_of_parameters_is_bounded() {
    for (limit, extra, refused) in [(100, 96, false), (100, 97, false), (100, 98, true), (4, 1, false), (4, 2, true)] {
        let verifier = fixture().builder().limits(Limits::default().with_parameters(limit)).build().unwrap();
        let body = form(&Jwt::new().signed()) + &"&a".repeat(extra);
        let expected = refused.then_some(ClientFault::TooManyParameters);
        assert_eq!(fault(&verifier, &TokenRequest::new(body.as_bytes())), expected, "{limit}, {extra}");
    }
}

#[test]
fn the_query_is_bounded_like_the_form() {
    let body = form(&Jwt::new().signed());
    for (count, refused) in [(99, false), (100, false), (101, true), (30_000, true)] {
        let query = "+&".repeat(count - 1) + "x";
        let request = TokenRequest::new(body.as_bytes()).with_query(&query);
        assert_eq!(fault(&verifier(), &request), refused.then_some(ClientFault::TooManyParameters), "{count}");
    }
}

proptest! {
    #[test]
    fn no_form_causes_a_panic(body: Vec<u8>, query: String, authorization: Vec<u8>) {
        let request = TokenRequest::new(&body).with_query(&query).with_authorization(&authorization);
        prop_assert!(now_or_never(verifier().verify(&request)).is_err());
    }

    /// If a lenient parser and the verifier both find parameters, they find the same ones. A client
    /// cannot show the verifier one value and the handler another.
    #[test]
    fn handlers_parse_the_same_values_as_the_verifier(
        pairs in proptest::collection::vec(("(client_id|client_secret|x|scope|%63lient_id|client%5fid)", "[a-c%+0-9]{0,4}|[a-c]{28,36}(%2[5b]|[+])[a-c]{0,4}"), 0..5)
    ) {
        let extra: String = pairs.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let body = form(&Jwt::new().signed()) + &extra;
        if verify(&verifier(), &body).is_ok() {
            let seen: Vec<_> = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == "client_id").collect();
            prop_assert!(seen.len() <= 1);
            prop_assert!(seen.iter().all(|(_, value)| value.is_empty() || value == CLIENT));
            let secret = form_urlencoded::parse(body.as_bytes()).any(|(name, value)| name == "client_secret" && !value.is_empty());
            prop_assert!(!secret);
        }
    }
}
