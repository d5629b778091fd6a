//! How the body of a token request is read within its size and time limits, and what the bodies
//! around the layer report about themselves.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::{FORM, Jwt, form, kind, now_or_never, verifier};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};
use tower_client_assertion::rejection::{ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::{ClientAssertionLayer, RequestBody, ResponseBody};

/// What a [`Script`] does when it is polled.
enum Act {
    Data(&'static str),
    Owned(String),
    Trailers(HeaderMap),
    Fail,
    /// Never answers or wakes again.
    Hang,
    /// Sends endless frames without data.
    Drivel,
    Footers,
    /// Answers after this time.
    Wait(Duration),
}

struct Script {
    acts: VecDeque<Act>,
    waiting: Option<Pin<Box<tokio::time::Sleep>>>,
}

fn script(acts: impl IntoIterator<Item = Act>) -> Script {
    Script { acts: acts.into_iter().collect(), waiting: None }
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
        Poll::Ready(match self.acts.pop_front() {
            None => None,
            Some(Act::Data(text)) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
            Some(Act::Owned(text)) => Some(Ok(Frame::data(Bytes::from(text)))),
            Some(Act::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Act::Fail) => Some(Err("broken")),
            Some(Act::Hang) => {
                self.acts.push_front(Act::Hang);
                return Poll::Pending;
            }
            Some(Act::Drivel) => {
                self.acts.push_front(Act::Drivel);
                Some(Ok(Frame::data(Bytes::new())))
            }
            Some(Act::Footers) => {
                self.acts.push_front(Act::Footers);
                Some(Ok(Frame::trailers(HeaderMap::new())))
            }
            Some(Act::Wait(time)) => {
                self.waiting = Some(Box::pin(tokio::time::sleep(time)));
                return self.poll_frame(cx);
            }
        })
    }
}

fn request<B>(body: B) -> Request<B> {
    Request::post("/token").header("content-type", FORM).body(body).unwrap()
}

/// Sends it through a layer with a limit of 2,000 bytes and five seconds. The handler echoes the
/// length of the body.
async fn send<B: Body<Data = Bytes>>(request: Request<B>) -> Response<ResponseBody<Full<Bytes>>> {
    let layer = ClientAssertionLayer::new(verifier());
    let layer = layer.body_limit(2_000).unwrap().body_timeout(Duration::from_secs(5)).unwrap();
    let handler = service_fn(|request: Request<RequestBody<B>>| async {
        let Ok(body) = request.into_body().collect().await else { panic!("a body in memory does not fail") };
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body.to_bytes().len().to_string())))
    });
    layer.layer(handler).call(request).await.unwrap()
}

fn padded(len: usize) -> String {
    let form = form(&Jwt::new().signed()) + "&pad=";
    let padding = len - form.len();
    form + &"x".repeat(padding)
}

#[test]
fn bodies_over_the_limit_are_refused() {
    for (len, fits) in [(1_999, true), (2_000, true), (2_001, false)] {
        let whole = padded(len);
        let (head, tail) = whole.split_at(700);
        let split = [Act::Owned(head.to_owned()), Act::Owned(tail.to_owned())];
        let response = now_or_never(send(request(script(split))));
        assert_eq!(response.status() == StatusCode::OK, fits, "{len} in two frames");

        let response = now_or_never(send(request(Full::<Bytes>::from(padded(len)))));
        assert_eq!(response.status() == StatusCode::OK, fits, "{len} in one frame");
        if !fits {
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::BodyTooLarge)));
            assert_eq!(response.headers()["connection"], "close");
        }
    }
}

#[test]
fn an_excessive_content_length_is_refused_before_reading() {
    for (length, refused) in [("2000", false), ("2001", true), ("18446744073709551615", true)] {
        let mut request = request(script([Act::Fail]));
        request.headers_mut().insert("content-length", length.parse().unwrap());
        let response = now_or_never(send(request));
        let expected = if refused { ClientFault::BodyTooLarge } else { ClientFault::BodyUnreadable };
        assert_eq!(kind(&response), Some(RejectionKind::Client(expected)), "{length}");
    }
}

#[test]
fn http_2_responses_do_not_ask_to_close() {
    let mut request = request(Full::<Bytes>::from(padded(2_001)));
    *request.version_mut() = Version::HTTP_2;
    let response = now_or_never(send(request));
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!response.headers().contains_key("connection"));
}

#[test]
fn a_truncated_body_is_the_clients_fault() {
    let response = now_or_never(send(request(script([Act::Data("grant_type="), Act::Fail]))));
    assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::BodyUnreadable)));
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn slow_and_stalled_bodies_meet_the_deadline() {
    let drip = || (0..20).flat_map(|_| [Act::Data("a"), Act::Wait(Duration::from_secs(1))]).collect::<Vec<_>>();
    for (name, acts) in [("hangs", vec![Act::Hang]), ("drips", drip())] {
        let start = tokio::time::Instant::now();
        let response = send(request(script(acts))).await;
        assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::BodyTimeout)), "{name}");
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT, "{name}");
        assert_eq!(response.headers()["connection"], "close", "{name}");
        assert_eq!(start.elapsed(), Duration::from_secs(5), "{name}");
    }
}

#[tokio::test]
async fn endless_empty_frames_meet_the_deadline() {
    for act in [Act::Drivel, Act::Footers] {
        let layer = ClientAssertionLayer::new(verifier()).body_timeout(Duration::from_millis(20)).unwrap();
        let handler = service_fn(|_: Request<RequestBody<Script>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let response = layer.layer(handler).call(request(script([act]))).await.unwrap();
        assert_eq!(kind(&response), Some(RejectionKind::Client(ClientFault::BodyTimeout)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_within_its_time_is_accepted() {
    let whole = form(&Jwt::new().signed());
    let (head, tail) = whole.split_at(300);
    let wait = || Act::Wait(Duration::from_millis(2_499));
    let acts = [wait(), Act::Owned(head.to_owned()), Act::Data(""), wait(), Act::Owned(tail.to_owned())];
    let response = send(request(script(acts))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), whole.len().to_string());
}

/// One frame, after which it must not be polled again.
struct Single(Option<Bytes>);

impl Body for Single {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(self.0.take().expect("polled after its end")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

#[test]
fn a_body_at_its_end_is_not_polled_again() {
    let response = now_or_never(send(request(Single(Some(padded(1_000).into())))));
    assert_eq!(response.status(), StatusCode::OK);
    let response = now_or_never(send(request(Single(Some(padded(2_001).into())))));
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn a_slow_body_without_a_runtime_is_a_server_fault() {
    let response = now_or_never(send(request(script([Act::Hang]))));
    assert_eq!(kind(&response), Some(RejectionKind::Server(ServerFault::Timer)));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_slow_body_in_a_runtime_without_timers_is_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for act in [Act::Hang, Act::Drivel] {
        let response = runtime.block_on(send(request(script([act]))));
        assert_eq!(kind(&response), Some(RejectionKind::Server(ServerFault::Timer)));
    }
    let response = runtime.block_on(send(request(Single(Some(padded(1_000).into())))));
    assert_eq!(response.status(), StatusCode::OK, "a body at hand needs no timer");
}

#[test]
fn request_trailers_reach_the_handler() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    let handler = service_fn(|request: Request<RequestBody<Script>>| async {
        let mut body = request.into_body();
        assert!(!body.is_end_stream());
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(!body.is_end_stream(), "the trailers are still to come");
        assert_eq!(body.size_hint().exact(), Some(0));
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["x-checksum"], "7");
        assert!(body.is_end_stream() && body.frame().await.is_none());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(data)))
    });
    let body = script([Act::Owned(form(&Jwt::new().signed())), Act::Trailers(trailers)]);
    let response = now_or_never(ClientAssertionLayer::new(verifier()).layer(handler).call(request(body))).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn unguarded_bodies_keep_their_size_hint_and_end() {
    struct Sized;
    impl Body for Sized {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            Poll::Ready(Some(Ok(Frame::trailers(trailers))))
        }
        fn is_end_stream(&self) -> bool {
            true
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(42)
        }
    }
    let handler = service_fn(|request: Request<RequestBody<Sized>>| async {
        let mut body = request.into_body();
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(42));
        assert!(body.frame().await.unwrap().unwrap().is_trailers());
        Ok::<_, Infallible>(Response::new(Sized))
    });
    let layer = ClientAssertionLayer::new(verifier()).path("/guarded").unwrap();
    let mut body = now_or_never(layer.layer(handler).call(request(Sized))).unwrap().into_body();
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(42));
    assert!(now_or_never(body.frame()).unwrap().unwrap().is_trailers());
}

#[test]
fn a_generated_body_knows_its_length_and_its_end() {
    let response = now_or_never(send(request(Full::<Bytes>::from("x"))));
    let length: u64 = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), Some(length));
    assert!(!body.is_end_stream());
    assert_eq!(now_or_never(body.frame()).unwrap().unwrap().into_data().unwrap().len() as u64, length);
    assert!(body.is_end_stream());
    assert!(ResponseBody::<Full<Bytes>>::default().is_end_stream());
    assert!(RequestBody::<Full<Bytes>>::default().is_end_stream());
}
