//! The reasons why the server could not decide.

use super::list::listed_enum;

listed_enum! {
    /// Why the server could not decide. The client is not at fault, unless it sends too much.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum ServerFault {
        /// The [`Clock`](crate::clock::Clock) returned no time.
        Clock => "the clock is unavailable",
        /// The [`ClientRegistry`](crate::registry::ClientRegistry) gave no usable answer.
        Registry => "the client registry is unavailable",
        /// The client's key set could not be fetched for a reason that is not the client's: too
        /// many other fetches are running, or the server's own network seems to be down.
        KeySetFetch => "the client's key set could not be fetched",
        /// The [`ReplayStore`](crate::replay::ReplayStore) gave no answer, or is full.
        ReplayStore => "the replay store is unavailable",
        /// The client has [as many unexpired assertions][1] as the replay store allows one client.
        /// Answered with 429 and `Retry-After`, of 30 s: places come back as assertions expire. Its
        /// signature has been verified, so the client itself sent them.
        ///
        /// [1]: crate::replay::ReplayStore::admissions_per_client
        ClientQuota => "the client has used up its share of the replay store",
        /// A body or a port must be waited for, and there is no Tokio runtime with timers to bound
        /// the wait. With `panic = "abort"`, a runtime without timers ends the process instead: see
        /// [`port_timeout`](crate::VerifierBuilder::port_timeout).
        Timer => "there is no Tokio runtime with timers to bound a wait",
        /// The bound of [`SignatureChecks`](crate::overload::SignatureChecks) is reached.
        Overloaded => "too many signatures are being checked",
        /// The bound of [`SignatureChecks`](crate::overload::SignatureChecks) for one client is
        /// reached. Answered with 429 and `Retry-After`. Whether the client itself sent those
        /// requests is not known.
        ClientOverloaded => "too many signatures are being checked for this client",
        /// An outer layer has authenticated this same request and spent its assertion: two layers
        /// are mounted where one belongs. Answered with 500, because every request fails in this
        /// way.
        MountedTwice => "an outer layer has already authenticated this request and spent its assertion: \
            mount one of the two layers",
        /// `Content-Length` announces a body and there is none: an outer layer has read it.
        /// Answered with 500.
        BodyConsumed => "an outer layer has already read the body: mount that layer inside this one",
    }
}
