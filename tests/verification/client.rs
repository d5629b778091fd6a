//! The registered client that an identity comes with: the one that the decision rested on, without
//! another look-up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::{CLIENT, Jwt, client, clock, fixture, form, store};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::port::Answer;
use tower_client_assertion::registry::{Client, ClientRegistry, FindResult};
use tower_client_assertion::replay::{AdmitResult, MemoryReplay, ReplayKey, ReplayStore};
use tower_client_assertion::{ClientIdentity, Rejection, TokenRequest};

/// One client, with the number of look-ups of it. One that is dropped before it is waited for does
/// not count.
#[derive(Clone, Debug)]
struct Counting {
    client: Arc<Mutex<Arc<Client>>>,
    look_ups: Arc<AtomicUsize>,
    later: bool,
}

impl Counting {
    fn new(client: Client, later: bool) -> Self {
        Self { client: Arc::new(Mutex::new(Arc::new(client))), look_ups: Arc::default(), later }
    }

    fn current(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap())
    }

    fn look_ups(&self) -> usize {
        self.look_ups.load(Ordering::SeqCst)
    }
}

impl ClientRegistry for Counting {
    fn find(&self, _: &str) -> Answer<FindResult> {
        let registry = self.clone();
        let look_up = move || {
            registry.look_ups.fetch_add(1, Ordering::SeqCst);
            Ok(Some(registry.current()))
        };
        if self.later { Answer::later(async move { look_up() }) } else { Answer::Ready(look_up()) }
    }
}

/// Replaces the client with one of another scope while a request waits for the answer.
#[derive(Debug)]
struct Replacing {
    memory: MemoryReplay,
    registry: Counting,
    scope: &'static str,
}

impl ReplayStore for Replacing {
    fn seen(&self, key: ReplayKey<'_>, now: UnixTime) -> Option<bool> {
        self.memory.seen(key, now)
    }

    fn admit(&self, key: ReplayKey<'_>, until: UnixTime, now: UnixTime) -> Answer<AdmitResult> {
        let answer = self.memory.admit(key, until, now);
        let (registry, scope) = (self.registry.clone(), self.scope);
        Answer::later(async move {
            let replaced = Client::clone(&registry.current()).with_scope(scope);
            *registry.client.lock().unwrap() = Arc::new(replaced);
            answer.get().await
        })
    }

    fn admissions_per_client(&self) -> usize {
        1_000
    }
}

async fn verify(registry: &Counting, replay: impl ReplayStore) -> Result<ClientIdentity, Rejection> {
    let verifier = fixture().registry(registry.clone()).replay(replay).clock(&clock()).build();
    verifier.verify(&TokenRequest::new(form(&Jwt::new().signed()).as_bytes())).await
}

#[tokio::test]
async fn an_identity_has_the_client_of_the_only_look_up() {
    for later in [false, true] {
        let registry = Counting::new(client().with_scope("a b").with_data(7_u32), later);
        let identity = verify(&registry, store()).await.unwrap();
        assert!(Arc::ptr_eq(identity.client(), &registry.current()), "later: {later}");
        assert_eq!(identity.client_id(), CLIENT);
        assert_eq!(identity.client().scope(), Some("a b"));
        assert_eq!(identity.client().data(), Some(&7_u32));
        assert_eq!(registry.look_ups(), 1, "later: {later}");
    }
}

#[tokio::test]
async fn after_a_wait_an_identity_has_the_client_of_the_decision() {
    // A registry that answers later is not asked again: see `resume`.
    for (later, scope, look_ups) in [(false, "new", 2), (true, "old", 1)] {
        let registry = Counting::new(client().with_scope("old"), later);
        let replay = Replacing { memory: store(), registry: registry.clone(), scope: "new" };
        let identity = verify(&registry, replay).await.unwrap();
        assert_eq!(identity.client().scope(), Some(scope), "later: {later}");
        assert_eq!(registry.look_ups(), look_ups, "later: {later}");
    }
}

#[test]
fn identities_compare_clients_by_their_ids() {
    let identity = |client: Client| {
        let verifier = fixture().clients([client]).build();
        crate::common::verify(&verifier, &form(&Jwt::new().claim("jti", "one").signed())).unwrap()
    };
    let plain = identity(client());
    for other in [client().with_scope("a"), client().with_data("x"), client()] {
        let other = identity(other);
        assert!(!Arc::ptr_eq(plain.client(), other.client()));
        assert_eq!(plain, other);
    }
    assert!(Arc::ptr_eq(plain.client(), plain.clone().client()), "a clone shares the client");
    let printed = format!("{:?}", identity(client().with_scope("scope-of-client")));
    assert!(printed.starts_with(&format!("ClientIdentity {{ client_id: {CLIENT:?}, ")), "{printed}");
    assert!(!printed.contains("scope-of-client"), "{printed}");
}
