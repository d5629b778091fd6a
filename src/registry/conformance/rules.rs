//! The rules, in the order in which they are checked.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::{Registration, Subject};
use crate::client::Client;
use crate::conformance::{Kept, interrupted};
use crate::port::Answer;
use crate::registry::ClientRegistry;

/// Ids that a careless registry confuses. Neighbours differ in what such a registry ignores, so the
/// suite also registers every second one and asks for the others.
fn ids() -> Vec<String> {
    let texts = [
        ["clinic-7", "Clinic-7"],
        ["clinic-70", "clinic-7 "],
        [" clinic-7", "clinic"],
        ["a b", "a  b"],
        ["a+b", "a%20b"],
        ["a%2Bb", "a%2bb"],
        ["_", "x"],
        ["%", "%%"],
        ["*", "?"],
        ["'", "''"],
        ["' OR '1'='1", "' OR '1'='2"],
        ["\"", "\\\""],
        ["\\", "\\\\"],
        ["a\\0", "a"],
        ["a:b", "a:b:c"],
        ["a/b", "a/../a/b"],
        ["{a}", "{}"],
        ["$1", "$2"],
        ["a,b", "a;b"],
        ["--", "#"],
        ["1", "01"],
        ["1.0", "1e0"],
        ["null", "NULL"],
        ["true", "0"],
        ["https://client.example", "https://client.example/"],
        ["https://client.example/?a=b&c", "https://client.example:443/?a=b&c"],
    ];
    let long = "x".repeat(510);
    let pairs = texts.map(|pair| pair.map(str::to_owned));
    // They differ only at the end, and have the length that `Limits` allows by default.
    let longest = [format!("{long}yz"), format!("{long}yy")];
    pairs.into_iter().chain([longest]).flatten().collect()
}

fn registrations() -> Vec<Registration> {
    ids().into_iter().enumerate().map(|(number, id)| Registration::new(id, number)).collect()
}

/// Compares a found client with what was registered.
fn compare(client: &Client, wanted: &Registration) -> Kept {
    let id = wanted.client_id();
    if client.id().as_str() != id {
        return Err(format!("{id:?}: found the client {:?}", client.id().as_str()));
    }
    let kid = client.keys().and_then(|keys| keys.iter().next()).and_then(|key| key.key_id());
    match kid == Some(wanted.kid()) {
        true => Ok(()),
        false => Err(format!("{id:?}: expected the key {:?}, got {kid:?}", wanted.kid())),
    }
}

async fn expect(registry: &impl ClientRegistry, wanted: &Registration) -> Kept {
    match registry.find(wanted.client_id()).get().await {
        Ok(Some(client)) => compare(&client, wanted),
        Ok(None) => Err(format!("{:?}: expected the client, got `Ok(None)`", wanted.client_id())),
        Err(error) => Err(format!("{:?}: expected the client, got an error: {error}", wanted.client_id())),
    }
}

async fn expect_none(registry: &impl ClientRegistry, client_id: &str) -> Kept {
    match registry.find(client_id).get().await {
        Ok(None) => Ok(()),
        Ok(Some(client)) => {
            Err(format!("{client_id:?}: expected `Ok(None)`, got the client {:?}", client.id().as_str()))
        }
        Err(error) => Err(format!("{client_id:?}: expected `Ok(None)`, got an error: {error}")),
    }
}

pub(super) async fn found<S: Subject>(subject: &S) -> Kept {
    let clients = registrations();
    let registry = subject.registry(&clients).await;
    for client in clients.iter().chain(clients.iter().rev()) {
        expect(&registry, client).await?;
    }
    Ok(())
}

pub(super) async fn unknown<S: Subject>(subject: &S) -> Kept {
    let registry = subject.registry(&[]).await;
    expect_none(&registry, "clinic-7").await?;
    let registry = subject.registry(&[Registration::new("clinic-7", 0)]).await;
    expect_none(&registry, "laboratory-1").await
}

pub(super) async fn byte_for_byte<S: Subject>(subject: &S) -> Kept {
    let clients = registrations();
    for registered in [0, 1] {
        let (these, others): (Vec<_>, Vec<_>) =
            clients.iter().cloned().enumerate().partition(|(index, _)| index % 2 == registered);
        let these: Vec<_> = these.into_iter().map(|(_, client)| client).collect();
        let registry = subject.registry(&these).await;
        for (_, other) in &others {
            expect_none(&registry, other.client_id()).await?;
        }
        for client in &these {
            expect(&registry, client).await?;
        }
    }
    Ok(())
}

pub(super) async fn stable<S: Subject>(subject: &S) -> Kept {
    let clients = [Registration::new("clinic-7", 0), Registration::new("clinic-8", 1)];
    let registry = subject.registry(&clients).await;
    for _ in 0..100 {
        expect_none(&registry, "laboratory-1").await?;
        for client in &clients {
            expect(&registry, client).await?;
        }
    }
    Ok(())
}

pub(super) async fn concurrent<S: Subject>(subject: &S) -> Kept {
    let clients: Vec<_> = (0..64).map(|number| Registration::new(format!("clinic-{number}"), number)).collect();
    let registry = Arc::new(subject.registry(&clients).await);
    // All callers are there before one of them begins, however slow the machine is.
    let start = Arc::new(Barrier::new(clients.len()));
    for _ in 0..20 {
        let callers: Vec<_> = clients
            .iter()
            .map(|client| {
                let (registry, client, start) = (Arc::clone(&registry), client.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    expect(&registry, &client).await?;
                    expect_none(&registry, &format!("{} ", client.client_id())).await
                })
            })
            .collect();
        for caller in callers {
            caller.await.map_err(|error| format!("a caller failed: {error}"))??;
        }
    }
    Ok(())
}

pub(super) async fn broken<S: Subject>(subject: &S) -> Kept {
    let Some(registry) = subject.broken().await else { return Ok(()) };
    for _ in 0..3 {
        if let Ok(answer) = registry.find("clinic-7").get().await {
            let answer = answer.map(|client| client.id().to_string());
            return Err(format!("expected an error, got {answer:?}"));
        }
    }
    Ok(())
}

/// Drops the look-up after one poll, after two, and so on, until one is complete. The registry must
/// work after each.
pub(super) async fn dropped<S: Subject>(subject: &S) -> Kept {
    const MOST_AWAITS: usize = 1_000;
    let client = Registration::new("clinic-7", 0);
    let registry = subject.registry(std::slice::from_ref(&client)).await;
    for polls in 0..MOST_AWAITS {
        let mut complete = true;
        for id in [client.client_id(), "laboratory-1"] {
            if let Answer::Pending(future) = registry.find(id) {
                complete &= interrupted(future, polls).await.is_some();
            }
        }
        let context = |detail| format!("after look-ups were dropped at poll {polls}: {detail}");
        expect(&registry, &client).await.map_err(context)?;
        expect_none(&registry, "laboratory-1").await.map_err(context)?;
        if complete {
            return many_dropped(&registry, &client, polls).await;
        }
    }
    Err(format!("a look-up took more than {MOST_AWAITS} polls"))
}

/// Resources that a look-up holds while it waits, such as a connection, must be released when it is
/// dropped.
async fn many_dropped(registry: &impl ClientRegistry, client: &Registration, polls: usize) -> Kept {
    for number in 0..2_000 {
        if let Answer::Pending(future) = registry.find(client.client_id()) {
            let _ = interrupted(future, number % polls.max(1)).await;
        }
    }
    expect(registry, client).await.map_err(|detail| format!("after 2,000 look-ups were dropped: {detail}"))
}

pub(super) async fn listed<S: Subject>(subject: &S) -> Kept {
    for count in [0, 1, 100] {
        let clients: Vec<_> = (0..count).map(|number| Registration::new(format!("clinic-{number}"), number)).collect();
        let registry = subject.registry(&clients).await;
        let Some(all) = registry.all() else { return Ok(()) };
        if all.len() != count {
            return Err(format!("{} of {count} clients are listed", all.len()));
        }
        for wanted in &clients {
            let id = wanted.client_id();
            let Some(client) = all.iter().find(|client| client.id().as_str() == id) else {
                return Err(format!("{id:?} is not listed"));
            };
            compare(client, wanted)?;
            expect(&registry, wanted).await?;
        }
    }
    Ok(())
}
