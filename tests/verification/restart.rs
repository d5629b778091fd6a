//! A replay store that is empty after a restart of the process: what was accepted before is not
//! accepted again, if the verifier knows when it started.

use std::time::Duration;

use crate::common::{Jwt, NOW, client_fault, clock, fixture, form, verify};
use tower_client_assertion::clock::UnixTime;
use tower_client_assertion::policy::Policy;
use tower_client_assertion::rejection::{Claim, ClaimFault, ClientFault};

const OLD: Result<(), ClientFault> = Err(ClientFault::Claim(Claim::Iat, ClaimFault::Past));
const UNKNOWN: Result<(), ClientFault> = Err(ClientFault::Claim(Claim::Iat, ClaimFault::Missing));

/// The answer at [`NOW`] of a verifier that started this many seconds before.
fn answer(policy: Policy, uptime: u64, jwt: &Jwt) -> Result<(), ClientFault> {
    let start = UnixTime::from_secs(NOW - uptime);
    let fixture = fixture().policy(policy).at_issuer_and_url().clock(&clock());
    let verifier = fixture.builder().refuse_issued_before(start).build().unwrap();
    verify(&verifier, &form(&jwt.signed())).map(drop).map_err(client_fault)
}

#[test]
fn assertions_issued_before_the_start_are_refused() {
    for policy in [Policy::OIDC, Policy::OIDC.require_iat()] {
        for (uptime, age, expected) in [
            (0, 0, OLD),
            (0, 1, OLD),
            (10, 9, Ok(())),
            (10, 10, OLD),
            (10, 11, OLD),
            (10, 0, Ok(())),
            (1_000, 999, Ok(())),
        ] {
            let jwt = Jwt::new().claim("iat", NOW - age);
            assert_eq!(answer(policy.clone(), uptime, &jwt), expected, "{uptime} {age}");
        }
        for (uptime, fraction, expected) in [(0, -0.5, OLD), (0, 0.5, OLD), (1, -0.5, OLD), (1, 0.0, Ok(()))] {
            let jwt = Jwt::new().claim("iat", NOW as f64 + fraction);
            assert_eq!(answer(policy.clone(), uptime, &jwt), expected, "{uptime} {fraction}");
        }
    }
}

#[test]
fn without_iat_what_could_have_been_accepted_before_is_refused() {
    // A lifetime of 3600 s, and 30 s of skew for the future.
    let last = 3_630;
    let jwt = |lifetime: u64| Jwt::new().without_claim("iat").claim("exp", NOW + lifetime);
    for (uptime, lifetime, expected) in [
        (0, 300, UNKNOWN),
        (0, last, UNKNOWN),
        (10, last - 10, UNKNOWN),
        (10, last - 9, Ok(())),
        (10, last, Ok(())),
        (last - 1, 1, UNKNOWN),
        (last, 1, Ok(())),
        (last, last, Ok(())),
    ] {
        assert_eq!(answer(Policy::OIDC, uptime, &jwt(lifetime)), expected, "{uptime} {lifetime}");
    }
}

/// What one process has accepted is refused by the next one, at every moment.
#[test]
fn rpl_09_nothing_is_accepted_on_both_sides_of_a_restart() {
    let verifier = |policy: &Policy, now: u64, start: Option<u64>| {
        let fixture = fixture().policy(policy.clone());
        let fixture = if policy.profile() == "redox" { fixture } else { fixture.at_issuer_and_url() };
        let time = clock();
        time.set(UnixTime::from_secs(now));
        let builder = fixture.clock(&time).builder();
        match start {
            Some(start) => builder.refuse_issued_before(UnixTime::from_secs(start)).build().unwrap(),
            None => builder.build().unwrap(),
        }
    };
    let optional = Policy::REDOX.dangerous().optional_iat().require_exp().with_max_lifetime(Duration::from_secs(300));
    const UPTIMES: [u64; 7] = [0, 1, 20, 100, 290, 1_000, 3_599];
    let mut refused = 0;
    for policy in [Policy::OIDC, Policy::REDOX, optional] {
        for age in [None, Some(0), Some(30), Some(250)] {
            for lifetime in [10, 299, 3_600] {
                let jwt = Jwt::new().claim("exp", NOW + lifetime).without_claim("iat");
                let jwt = age.map_or(jwt.clone(), |age| jwt.claim("iat", NOW - age));
                let form = form(&jwt.signed());
                if verify(&verifier(&policy, NOW, None), &form).is_err() {
                    continue;
                }
                // A restart may take less than a second.
                for (pause, uptime) in [0, 1].iter().flat_map(|pause| UPTIMES.map(|uptime| (pause, uptime))) {
                    let next = verifier(&policy, NOW + pause + uptime, Some(NOW + pause));
                    assert!(verify(&next, &form).is_err(), "{} {age:?} {lifetime} {pause} {uptime}", policy.name());
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 200, "{refused}");
}
