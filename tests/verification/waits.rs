//! What happens while a request waits for a port: the wait has a bound, and afterwards the decision
//! rests on what is registered then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{
    CLIENT, Jwt, NOW, SIGNER, Signer, TempFile, client_with, clock, fixture, form, key_set, store, with_member,
};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::jwks::{FetchError, JwksFetch, JwksRequest, JwksUrl, KeySetCache};
use tower_client_assertion::overload::SignatureChecks;
use tower_client_assertion::policy::Policy;
use tower_client_assertion::port::{Answer, BoxFuture};
use tower_client_assertion::registry::{Client, ClientRegistry, FileRegistry, FindResult};
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault, RejectionKind, ServerFault};
use tower_client_assertion::replay::{AdmitResult, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::secret::ClientSecret;
use tower_client_assertion::{Rejection, TokenRequest, Verifier};

const ONE: &str = "https://one.example/jwks";
const TWO: &str = "https://two.example/jwks";

/// Lets one request through for each permit, and counts those that have arrived.
#[derive(Clone, Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    arrived: Arc<AtomicUsize>,
}

impl Gate {
    fn open() -> Self {
        Self { permits: Arc::new(Semaphore::new(1_000)), arrived: Arc::default() }
    }

    fn close(&self) {
        self.permits.forget_permits(1_000);
        self.arrived.store(0, Ordering::SeqCst);
    }

    fn release(&self) {
        self.permits.add_permits(1_000);
    }

    async fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
    }

    async fn reached(&self) {
        while self.arrived.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Answers immediately, or after its gate.
#[derive(Clone, Debug)]
struct Registry {
    client: Arc<Mutex<Option<Arc<Client>>>>,
    gate: Gate,
    later: bool,
    /// Returns another `Arc` each time.
    rebuilds: bool,
}

impl Registry {
    fn found(&self) -> Option<Arc<Client>> {
        let client = self.client.lock().unwrap().clone();
        if self.rebuilds { client.map(|client| Arc::new(Client::clone(&client))) } else { client }
    }
}

impl ClientRegistry for Registry {
    fn find(&self, _: &str) -> Answer<FindResult> {
        if !self.later {
            return Answer::Ready(Ok(self.found()));
        }
        let registry = self.clone();
        Answer::later(async move {
            registry.gate.pass().await;
            Ok(registry.found())
        })
    }
}

/// Reads the document before its gate, so that the answer is old when it arrives.
#[derive(Clone, Debug)]
struct Documents {
    keys: Arc<Mutex<HashMap<&'static str, Value>>>,
    gate: Gate,
}

impl JwksFetch for Documents {
    fn fetch(&self, request: JwksRequest) -> BoxFuture<Result<Response<Bytes>, FetchError>> {
        let keys = self.keys.lock().unwrap()[request.url().as_str()].clone();
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.pass().await;
            let keys = if keys.is_array() { keys } else { json!([keys]) };
            let body = json!({"keys": keys}).to_string();
            Ok(Response::builder().header("content-type", "application/json").body(body.into()).unwrap())
        })
    }
}

/// Looks, and answers immediately, or after its gate.
#[derive(Debug)]
struct Store {
    memory: MemoryReplay,
    gate: Gate,
    later: bool,
}

impl ReplayStore for Store {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        self.memory.seen(key, now)
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        let answer = self.memory.admit(key, until, now);
        if !self.later {
            return answer;
        }
        let gate = self.gate.clone();
        Answer::later(async move {
            gate.pass().await;
            answer.get().await
        })
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

/// Where a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Client,
    Keys,
    NewerKeys,
    Admission,
}

const POINTS: [Point; 4] = [Point::Client, Point::Keys, Point::NewerKeys, Point::Admission];

struct World {
    verifier: Arc<Verifier>,
    cache: KeySetCache,
    registry: Registry,
    documents: Documents,
    admission: Gate,
    other: Signer,
}

impl World {
    /// A client with the key of [`SIGNER`] at a URL. All gates are open.
    fn new(later: &[Point], rebuilds: bool) -> Self {
        // The same `kid`, so that only the signature tells the keys apart.
        let other = Signer::es384(SIGNER.kid);
        let keys = HashMap::from([(ONE, SIGNER.jwk()), (TWO, other.jwk())]);
        let documents = Documents { keys: Arc::new(Mutex::new(keys)), gate: Gate::open() };
        let cache = KeySetCache::builder(documents.clone()).timeout(Duration::from_secs(30)).build().unwrap();
        let client = at(ONE, &cache);
        let client = Arc::new(Mutex::new(Some(Arc::new(client))));
        let gate = Gate::open();
        let registry = Registry { client, gate, later: later.contains(&Point::Client), rebuilds };
        let admission = Gate::open();
        let replay = Store { memory: store(), gate: admission.clone(), later: later.contains(&Point::Admission) };
        let verifier = Arc::new(fixture().registry(registry.clone()).replay(replay).build());
        Self { verifier, cache, registry, documents, admission, other }
    }

    /// A world in which the next request waits at this point.
    async fn waiting_at(point: Point, rebuilds: bool) -> Self {
        let world = Self::new(&[point], rebuilds);
        if point == Point::NewerKeys {
            world.serve(ONE, world.other.jwk());
        }
        if matches!(point, Point::NewerKeys | Point::Admission) {
            let _keys_are_fetched = world.request(Jwt::new().signed_by(&world.other)).await.unwrap();
        }
        world.serve(ONE, SIGNER.jwk());
        world.gate(point).close();
        world
    }

    fn gate(&self, point: Point) -> &Gate {
        match point {
            Point::Client => &self.registry.gate,
            Point::Keys | Point::NewerKeys => &self.documents.gate,
            Point::Admission => &self.admission,
        }
    }

    fn serve(&self, url: &'static str, key: Value) {
        self.documents.keys.lock().unwrap().insert(url, key);
    }

    fn register(&self, client: Option<Client>) {
        *self.registry.client.lock().unwrap() = client.map(Arc::new);
    }

    fn request(&self, assertion: String) -> tokio::task::JoinHandle<Result<(), Rejection>> {
        let verifier = Arc::clone(&self.verifier);
        tokio::spawn(async move {
            let form = form(&assertion);
            verifier.verify(&TokenRequest::new(form.as_bytes())).await.map(drop)
        })
    }

    /// The outcome of a valid request during whose wait something changes.
    async fn changed_at(&self, point: Point, change: impl FnOnce(&Self)) -> Result<(), RejectionKind> {
        let request = self.request(Jwt::new().signed());
        self.gate(point).reached().await;
        change(self);
        self.gate(point).release();
        request.await.unwrap().map_err(|rejection| rejection.kind().clone())
    }
}

fn at(url: &str, cache: &KeySetCache) -> Client {
    Client::with_key_set_url(CLIENT, &JwksUrl::parse(url).unwrap(), cache).unwrap()
}

/// The outcome where the registered key is another one.
fn is_refused_by_key(outcome: &Result<(), RejectionKind>) -> bool {
    matches!(outcome, Err(RejectionKind::Client(ClientFault::BadSignature | ClientFault::NoKey)))
}

#[tokio::test(start_paused = true)]
async fn rpl_11_nothing_removed_is_accepted_after_a_wait() {
    for point in POINTS {
        for rebuilds in [false, true] {
            let world = || World::waiting_at(point, rebuilds);
            let what = format!("{point:?}, rebuilds: {rebuilds}");

            assert_eq!(world().await.changed_at(point, |_| {}).await, Ok(()), "{what}: nothing changes");

            let deleted = world().await.changed_at(point, |world| world.register(None)).await;
            assert_eq!(deleted, Err(RejectionKind::Client(ClientFault::UnknownClient)), "{what}");

            let replace_keys = |world: &World| world.register(Some(client_with(&[world.other.jwk()])));
            let outcome = world().await.changed_at(point, replace_keys).await;
            assert!(is_refused_by_key(&outcome), "{what}, keys replaced: {outcome:?}");

            let replace_url = |world: &World| world.register(Some(at(TWO, &world.cache)));
            let outcome = world().await.changed_at(point, replace_url).await;
            assert!(is_refused_by_key(&outcome), "{what}, URL replaced: {outcome:?}");

            let invalidate = |world: &World| {
                world.serve(ONE, world.other.jwk());
                world.cache.invalidate(CLIENT);
            };
            let outcome = world().await.changed_at(point, invalidate).await;
            assert!(is_refused_by_key(&outcome), "{what}, invalidated: {outcome:?}");

            let move_to_no_policy = |world: &World| {
                let client = Client::clone(world.registry.client.lock().unwrap().as_ref().unwrap());
                world.register(Some(client.with_policy("unheard of")));
            };
            let outcome = world().await.changed_at(point, move_to_no_policy).await;
            assert_eq!(outcome, Err(RejectionKind::Server(ServerFault::Registry)), "{what}: another policy");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_replaces_a_registration_during_a_wait_is_accepted() {
    for point in POINTS {
        let same_key = |world: &World| world.register(Some(client_with(&[SIGNER.jwk()])));
        assert_eq!(World::waiting_at(point, false).await.changed_at(point, same_key).await, Ok(()), "{point:?}");

        let same_key_elsewhere = |world: &World| {
            world.serve(TWO, SIGNER.jwk());
            world.register(Some(at(TWO, &world.cache)));
        };
        let outcome = World::waiting_at(point, false).await.changed_at(point, same_key_elsewhere).await;
        assert_eq!(outcome, Ok(()), "{point:?}");

        let invalidated = |world: &World| assert_eq!(world.cache.invalidate(CLIENT), 1);
        let outcome = World::waiting_at(point, false).await.changed_at(point, invalidated).await;
        assert_eq!(outcome, Ok(()), "{point:?}");
    }
}

/// The new keys are at hand when the store answers.
#[tokio::test(start_paused = true)]
async fn keys_replaced_and_fetched_during_an_admission_decide() {
    for (replaced, accepted) in [(false, true), (true, false)] {
        let world = World::waiting_at(Point::Admission, false).await;
        let request = world.request(Jwt::new().signed());
        world.admission.reached().await;
        if replaced {
            world.serve(ONE, world.other.jwk());
        }
        world.cache.invalidate(CLIENT);
        let _fetched = world.cache.prefetch(UnixTime::from_secs(NOW)).await;
        world.admission.release();
        let outcome = request.await.unwrap().map_err(|rejection| rejection.kind().clone());
        assert!(if accepted { outcome.is_ok() } else { is_refused_by_key(&outcome) }, "{outcome:?}");
    }
}

/// A document that is fetched again is another one, even if nothing in it has changed.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_still_published_decides_no_second_time() {
    let ours = SIGNER.jwk();
    let other = || Signer::es384("other").jwk();
    let of_no_kid = json!({"crv": ours["crv"], "kty": ours["kty"], "x": ours["x"], "y": ours["y"]});
    let cases = [
        ("nothing changes", json!([ours]), Ok(())),
        // Without a `kid`, a second check could not choose between them.
        ("a key is added", json!([other(), ours]), Ok(())),
        ("the key loses its `kid`", json!([of_no_kid]), Ok(())),
        ("the key is removed", json!([other()]), Err(ClientFault::BadSignature)),
        ("the key is removed, of two", json!([other(), Signer::es384("more").jwk()]), Err(ClientFault::KidNeeded)),
        (
            "the key is for encryption",
            json!([with_member(&ours, "use", "enc"), other()]),
            Err(ClientFault::BadSignature),
        ),
    ];
    for (case, keys, expected) in cases {
        let world = World::waiting_at(Point::Admission, false).await;
        let replay = Store { memory: store(), gate: world.admission.clone(), later: true };
        let fixture = fixture().policy(Policy::OIDC).at_issuer_and_url();
        let verifier = Arc::new(fixture.registry(world.registry.clone()).replay(replay).build());
        let world = World { verifier, ..world };
        world.cache.invalidate(CLIENT);
        let request = world.request(Jwt::new().without_header("kid").signed());
        world.admission.reached().await;
        world.serve(ONE, keys);
        world.cache.invalidate(CLIENT);
        let _fetched = world.cache.prefetch(UnixTime::from_secs(NOW)).await;
        world.admission.release();
        let outcome = request.await.unwrap().map_err(crate::common::client_fault);
        assert_eq!(outcome, expected, "{case}");
    }
}

/// The assertion is spent by then, so the client could not send it again.
#[tokio::test(start_paused = true)]
async fn a_second_check_of_a_request_is_not_bounded() {
    let world = World::waiting_at(Point::Admission, false).await;
    let checks = SignatureChecks::new(1).unwrap();
    let replay = Store { memory: store(), gate: world.admission.clone(), later: true };
    let builder = fixture().registry(world.registry.clone()).replay(replay).builder();
    let world = World { verifier: Arc::new(builder.signature_checks(checks.clone()).build().unwrap()), ..world };
    for (registered, accepted) in [(SIGNER.jwk(), true), (world.other.jwk(), false)] {
        world.register(Some(at(ONE, &world.cache)));
        world.admission.close();
        let waiting = world.request(Jwt::new().signed());
        world.admission.reached().await;
        let running = checks.begin(&CLIENT.try_into().unwrap()).unwrap();
        world.register(Some(client_with(&[registered])));
        world.admission.release();
        let outcome = waiting.await.unwrap().map_err(|rejection| rejection.kind().clone());
        assert!(if accepted { outcome.is_ok() } else { is_refused_by_key(&outcome) }, "{outcome:?}");
        let first = world.request(Jwt::new().signed()).await.unwrap().unwrap_err();
        assert_eq!(*first.kind(), RejectionKind::Server(ServerFault::Overloaded));
        drop(running);
    }
}

#[tokio::test(start_paused = true)]
async fn rpl_11_an_assertion_that_is_judged_again_is_spent_once() {
    let world = World::waiting_at(Point::Admission, false).await;
    let assertion = Jwt::new().signed();
    let request = world.request(assertion.clone());
    world.admission.reached().await;
    world.register(Some(client_with(&[SIGNER.jwk()])));
    world.admission.release();
    assert!(request.await.unwrap().is_ok());
    let again = world.request(assertion).await.unwrap().unwrap_err();
    assert_eq!(*again.kind(), RejectionKind::Client(ClientFault::Replayed));
}

/// It is no fault of the store that a client sends assertions that are about to expire.
#[tokio::test(start_paused = true)]
async fn an_assertion_that_expires_in_the_store_is_expired() {
    let expired = |claim| Err(RejectionKind::Client(ClientFault::Claim(claim, ClaimFault::Past)));
    let short = || Jwt::new().claim("exp", NOW + 10);
    let old = || Jwt::new().claim("exp", NOW + 3_600);
    type Case = (&'static str, fn() -> Jwt, u64, Result<(), RejectionKind>);
    let cases: [Case; 4] = [
        ("exp, one before", short, 20, Ok(())),
        ("exp", short, 21, expired(Claim::Exp)),
        ("iat, one before", old, 310, Ok(())),
        ("iat", old, 311, expired(Claim::Iat)),
    ];
    for (case, jwt, wait, expected) in cases {
        let world = World::waiting_at(Point::Admission, false).await;
        let time = clock();
        let replay = Store { memory: store(), gate: world.admission.clone(), later: true };
        let verifier = fixture().registry(world.registry.clone()).replay(replay).clock(&time).build();
        let world = World { verifier: Arc::new(verifier), ..world };
        let request = world.request(jwt().signed());
        world.admission.reached().await;
        time.advance(wait);
        world.admission.release();
        let outcome = request.await.unwrap();
        assert!(outcome.as_ref().err().is_none_or(Rejection::is_proven), "{case}");
        assert_eq!(outcome.map_err(|rejection| rejection.kind().clone()), expected, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_expires_in_the_store_is_useless() {
    let secret = "0f8fad5b-d9cb-469f-a165-70867728950e, 0f8fad5b-d9cb";
    let signer = Signer::secret("HS384", secret.as_bytes());
    for (wait, expected) in [(4, Ok(())), (5, Err(RejectionKind::Client(ClientFault::NoKey)))] {
        let world = World::waiting_at(Point::Admission, false).await;
        let time = clock();
        let replay = Store { memory: store(), gate: world.admission.clone(), later: true };
        let verifier = fixture().registry(world.registry.clone()).replay(replay).clock(&time).build();
        let world = World { verifier: Arc::new(verifier), ..world };
        let expiring = ClientSecret::new(secret).unwrap().with_expiry(UnixTime::from_secs(NOW + 5));
        world.register(Some(Client::with_secret(CLIENT, expiring).unwrap()));
        let request = world.request(Jwt::by(&signer, CLIENT).signed_by(&signer));
        world.admission.reached().await;
        time.advance(wait);
        world.admission.release();
        let outcome = request.await.unwrap().map_err(|rejection| rejection.kind().clone());
        assert_eq!(outcome, expected, "{wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn every_wait_ends_after_the_port_timeout() {
    for point in POINTS {
        let world = World::waiting_at(point, false).await;
        let start = Instant::now();
        let rejection = world.request(Jwt::new().signed()).await.unwrap().unwrap_err();
        assert_eq!(start.elapsed().as_secs(), 5, "{point:?}");
        let expected = match point {
            Point::Client => RejectionKind::Server(ServerFault::Registry),
            Point::Keys => RejectionKind::Server(ServerFault::KeySetFetch),
            // The refusal by the present keys stands.
            Point::NewerKeys => RejectionKind::Client(ClientFault::BadSignature),
            Point::Admission => RejectionKind::Server(ServerFault::ReplayStore),
        };
        assert_eq!(*rejection.kind(), expected, "{point:?}");
        let cause = std::error::Error::source(&rejection).map(ToString::to_string);
        let timed_out = (point != Point::NewerKeys).then(|| "no answer within 5s, which all ports share".to_owned());
        assert_eq!(cause, timed_out, "{point:?}");
        assert_eq!(rejection.is_proven(), point == Point::Admission, "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rpl_10_all_waits_of_a_request_share_one_timeout() {
    let world = World::new(&[Point::Client, Point::Admission], false);
    world.registry.gate.close();
    world.admission.close();
    let start = Instant::now();
    let request = world.request(Jwt::new().signed());
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.registry.gate.release();
    let rejection = request.await.unwrap().unwrap_err();
    assert_eq!(*rejection.kind(), RejectionKind::Server(ServerFault::ReplayStore));
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_answers_in_time_is_awaited() {
    for point in POINTS {
        let world = World::waiting_at(point, false).await;
        let request = world.request(Jwt::new().signed());
        tokio::time::sleep(Duration::from_millis(4_999)).await;
        world.gate(point).release();
        assert!(request.await.unwrap().is_ok(), "{point:?}");
    }
}

/// Each fetch takes a second, and during each the client is invalidated.
#[tokio::test(start_paused = true)]
async fn steps_that_begin_again_and_again_end_in_time() {
    let world = World::waiting_at(Point::Keys, false).await;
    let start = Instant::now();
    let request = world.request(Jwt::new().signed());
    while !request.is_finished() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.cache.invalidate(CLIENT);
        world.documents.gate.permits.add_permits(1);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(*request.await.unwrap().unwrap_err().kind(), RejectionKind::Server(ServerFault::KeySetFetch));
    assert_eq!(start.elapsed().as_secs(), 6, "noticed in the second after the fifth");
    assert!((4..=7).contains(&world.documents.gate.arrived.load(Ordering::SeqCst)));
}

#[test]
fn a_wait_without_timers_is_refused_and_does_not_panic() {
    let registry = Registry { later: true, ..World::new(&[], false).registry };
    registry.gate.close();
    let verifier = fixture().registry(registry).build();
    let form = form(&Jwt::new().signed());
    let request = TokenRequest::new(form.as_bytes());
    let timer = RejectionKind::Server(ServerFault::Timer);
    assert_eq!(*crate::common::now_or_never(verifier.verify(&request)).unwrap_err().kind(), timer, "no runtime");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(*runtime.block_on(verifier.verify(&request)).unwrap_err().kind(), timer, "no timers");
    let ready = fixture().clients([Client::new(CLIENT, key_set(&[SIGNER.jwk()])).unwrap()]).build();
    assert!(runtime.block_on(ready.verify(&request)).is_ok(), "nothing is waited for");
}

#[test]
fn port_timeouts_out_of_range_do_not_build() {
    let build = |millis| fixture().builder().port_timeout(Duration::from_millis(millis)).build();
    assert!(build(0).unwrap_err().to_string().starts_with("port_timeout: 0 is not allowed"));
    assert!(build(60_001).unwrap_err().to_string().starts_with("port_timeout: 60.001s is too long; use 60s"));
    assert!(build(1).is_ok() && build(60_000).is_ok());
}

/// The same with a file of clients, which is what most servers have.
#[tokio::test(start_paused = true)]
async fn rpl_11_what_a_reload_removed_is_not_accepted_after_a_wait() {
    let entry = |url: &str| json!([{"client_id": CLIENT, "jwks_uri": url}]).to_string();
    let unknown = RejectionKind::Client(ClientFault::UnknownClient);
    let cases = [("deleted", "[]".to_owned(), Some(unknown)), ("moved", entry(TWO), None), ("kept", entry(ONE), None)];
    for point in [Point::Keys, Point::Admission] {
        for (case, content, expected) in &cases {
            let world = World::waiting_at(point, false).await;
            let file = TempFile::new(entry(ONE));
            let registry = Arc::new(FileRegistry::load_with(file.path(), &world.cache).unwrap());
            let replay = Store { memory: store(), gate: world.admission.clone(), later: point == Point::Admission };
            let verifier = Arc::new(fixture().registry(Arc::clone(&registry)).replay(replay).build());
            let world = World { verifier, ..world };
            let outcome = world
                .changed_at(point, |_| {
                    file.write(content);
                    registry.reload().unwrap();
                })
                .await;
            match (*case, expected) {
                (_, Some(expected)) => assert_eq!(outcome.as_ref(), Err(expected), "{point:?}, {case}"),
                ("kept", None) => assert_eq!(outcome, Ok(()), "{point:?}, {case}"),
                (_, None) => assert!(is_refused_by_key(&outcome), "{point:?}, {case}: {outcome:?}"),
            }
        }
    }
}
