//! What strangers write adds no series.

use crate::common::recorder::Recorded;
use crate::common::{AUDIENCE, CLIENT, FORM, NOW, SIGNER, fixture, form, now_or_never};
use crate::sink;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_client_assertion::ClientAssertionLayer;

/// A request with one part that a stranger has chosen. Its signature is no signature.
fn request(turn: u64) -> Request<Full<Bytes>> {
    // Different each time, and in no order.
    let word = format!("{:016x}", turn.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23));
    let (mut iss, mut kid, mut aud, mut path, mut tail) =
        (CLIENT.to_owned(), SIGNER.kid.to_owned(), AUDIENCE.to_owned(), "/token".to_owned(), String::new());
    match turn % 6 {
        0 => iss = word,
        1 => kid = word,
        2 => aud = format!("https://{word}.example"),
        3 => path = format!("/{word}"),
        4 => tail = format!("&client_id={word}"),
        _ => tail = format!("&{word}={word}&grant_type={word}"),
    }
    let header = json!({"alg": SIGNER.alg, "kid": kid}).to_string();
    let claims = json!({"iss": iss, "sub": iss, "aud": aud, "jti": turn.to_string(), "iat": NOW, "exp": NOW + 60});
    let [header, claims] = [header, claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let body = form(&format!("{header}.{claims}.{}", "A".repeat(128))) + &tail;
    Request::post(path).header("content-type", FORM).body(Full::new(body.into())).unwrap()
}

#[test]
fn a_hundred_thousand_names_of_strangers_add_no_series() {
    let recorded = Recorded::default();
    let builder = fixture().builder().events(sink(&recorded).per_client(1000).unwrap().with_times());
    let layer = ClientAssertionLayer::new(builder.build().unwrap()).path("/token").unwrap();
    let handler = service_fn(|_: Request<_>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service = layer.layer(handler);
    let mut send = |turns: std::ops::Range<u64>| {
        for turn in turns {
            now_or_never(service.call(request(turn))).unwrap();
        }
    };
    send(0..60);
    let first = recorded.series();
    // Each kind that reaches the verifier is refused for a reason that differs.
    assert!(first.iter().filter(|series| series.contains("requests_total")).count() >= 5, "{first:?}");
    send(60..100_060);
    assert_eq!(recorded.series(), first);
    // One of six is for another path, which is not guarded.
    assert_eq!(recorded.sum("client_assertion_requests_total"), 100_060 - 100_060_u64.div_ceil(6));
}
