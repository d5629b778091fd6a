//! The layer in front of hyper without a framework: HTTP/1 and HTTP/2, incoming bodies without
//! conversion, custom bodies, trailers, streams, and a graceful shutdown.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::common::{CLIENT, FORM};
use crate::server::{TOKEN, TokenForm, guard, serve_bare, token_form};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::{Layer, service_fn};
use tower_client_assertion::{ClientIdentity, RequestBody};

/// The answer of a handler that is generic over its body.
async fn answer<B: Body>(request: Request<B>) -> String {
    let (parts, body) = request.into_parts();
    let Some(client) = parts.extensions.get::<ClientIdentity>() else { return "passed".to_owned() };
    let Ok(body) = body.collect().await else { panic!("a body in memory does not fail") };
    let TokenForm { scope } = serde_urlencoded::from_bytes(&body.to_bytes()).unwrap();
    format!("{} asked for {scope}", client.client_id())
}

async fn issue<B: Body>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(answer(request).await)))
}

#[tokio::test]
async fn the_incoming_body_needs_no_conversion() {
    serve_bare(guard().layer(service_fn(issue::<RequestBody<Incoming>>))).await.check().await;
}

/// A custom body that is built from nothing and has no default.
struct Mine(Option<String>);

impl Body for Mine {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|text| Ok(Frame::data(Bytes::from(text)))))
    }
}

#[tokio::test]
async fn custom_response_bodies_are_sent() {
    let handler = service_fn(|request: Request<RequestBody<Incoming>>| async {
        Ok::<_, Infallible>(Response::new(Mine(Some(answer(request).await))))
    });
    serve_bare(guard().layer(handler)).await.check().await;
}

#[tokio::test]
async fn custom_request_bodies_can_be_rebuilt() {
    type Boxed = http_body_util::combinators::BoxBody<Bytes, hyper::Error>;
    let boxed = |body: tower_client_assertion::BufferedBody| -> Boxed { body.map_err(|never| match never {}).boxed() };
    let handler = service_fn(|request: Request<Boxed>| async {
        let body = Full::from(answer(request).await).map_err(|never| match never {}).boxed();
        Ok::<_, Infallible>(Response::<Boxed>::new(body))
    });
    let guarded = guard().rebuild_bodies_with(boxed).layer(handler);
    let service = tower::util::MapRequest::new(guarded, |request: Request<Incoming>| request.map(BodyExt::boxed));
    serve_bare(service).await.check().await;
}

#[tokio::test]
async fn request_and_response_trailers_arrive() {
    let handler = service_fn(|request: Request<RequestBody<Incoming>>| async {
        let body = request.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok::<_, Infallible>(Response::new(WithTrailers::new(body.to_bytes(), trailers)))
    });
    let server = serve_bare(guard().layer(handler)).await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    for path in [TOKEN, "/other"] {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "7".parse().unwrap());
        let form = token_form();
        let body = WithTrailers::new(Bytes::from(form.clone()), trailers);
        let request = server.request("POST", path).body(body).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-checksum"], "7", "{path}");
        assert_eq!(body.to_bytes(), form, "{path}");
    }
}

/// A body of data and trailers.
struct WithTrailers(VecDeque<Frame<Bytes>>);

impl WithTrailers {
    fn new(data: Bytes, trailers: HeaderMap) -> Self {
        Self([Frame::data(data), Frame::trailers(trailers)].into())
    }
}

impl Body for WithTrailers {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// A body whose frames are sent one by one.
struct Channel(mpsc::Receiver<Bytes>);

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

#[tokio::test]
async fn unguarded_routes_stream_in_both_directions() {
    let echo = service_fn(|request: Request<RequestBody<Incoming>>| async {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    let server = serve_bare(guard().layer(echo)).await;
    let (sender, body) = mpsc::channel(1);
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = server.request("POST", "/stream").body(Channel(body)).unwrap();
    let mut response = client.request(request).await.unwrap().into_body();
    for message in ["one", "two", "three"] {
        // Each frame comes back before the next is sent, so nothing collects them.
        sender.send(Bytes::from_static(message.as_bytes())).await.unwrap();
        assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), message);
    }
    drop(sender);
    assert!(response.collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_graceful_shutdown_lets_a_token_request_finish() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();

    let (arrived, mut arrival) = mpsc::channel(1);
    let guarded = guard().layer(service_fn(issue::<RequestBody<Incoming>>));
    let service = tower::util::MapRequest::new(guarded, move |request: Request<Incoming>| {
        arrived.try_send(()).unwrap();
        request
    });
    let connection = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    let graceful = GracefulShutdown::new();
    let served = tokio::spawn(graceful.watch(connection));

    let form = token_form();
    let (start, rest) = form.split_at(100);
    let length = form.len();
    let head =
        format!("POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n{start}");
    socket.write_all(head.as_bytes()).await.unwrap();
    arrival.recv().await.unwrap();
    let stopping = tokio::spawn(graceful.shutdown());
    socket.write_all(rest.as_bytes()).await.unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with(&format!("{CLIENT} asked for a b")), "{response}");
    stopping.await.unwrap();
    served.await.unwrap().unwrap();
}
