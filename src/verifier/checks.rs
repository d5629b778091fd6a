//! The checks of a header and its claims, and their order.
//!
//! All of them depend only on what the sender wrote and on public configuration, so they come
//! before the signature: a junk, expired or mis-addressed assertion costs neither a look-up nor a
//! signature check, and its sender learns nothing new. The client is told the first check that
//! fails. The operator is told all of them.

use std::borrow::Cow;
use std::convert::Infallible;

use super::assertion::{Assertion, Field};
use super::rules::{Rules, check_presence};
use crate::jose::algorithm::Algorithm;
use crate::policy::Presence;
use crate::rejection::{Claim, ClaimFault, ClientFault};

/// The first check that fails.
pub(crate) struct FirstFault {
    pub(crate) fault: ClientFault,
    /// How many checks passed before it.
    pub(crate) passed: usize,
}

/// Checks `assertion`, which came with this `client_id` parameter, and returns its algorithm.
pub(crate) fn check(
    assertion: &Assertion<'_>,
    client_id: Option<&str>,
    rules: &Rules<'_>,
) -> Result<Algorithm, FirstFault> {
    let algorithm = check_header(assertion, rules)?;
    let mut passed = HEADER_CHECKS;
    check_claims(assertion, client_id, rules, |outcome| {
        outcome.map_err(|fault| FirstFault { fault, passed })?;
        passed += 1;
        Ok(())
    })?;
    Ok(algorithm)
}

/// Returns every fault of the claims, in the order of the checks.
pub(crate) fn claim_faults(assertion: &Assertion<'_>, client_id: Option<&str>, rules: &Rules<'_>) -> Vec<ClientFault> {
    let mut faults = Vec::new();
    let Ok(()) = check_claims(assertion, client_id, rules, |outcome| {
        faults.extend(outcome.err());
        Ok::<_, Infallible>(())
    });
    faults
}

const HEADER_CHECKS: usize = 3;

/// Checks `kid`, `alg` and `crit`, in this order.
fn check_header(assertion: &Assertion<'_>, rules: &Rules<'_>) -> Result<Algorithm, FirstFault> {
    let header = &assertion.header;
    let algorithm = rules.allowed_algorithm(header);
    rules.check_kid(header, algorithm).map_err(|fault| FirstFault { fault, passed: 0 })?;
    let algorithm = algorithm.ok_or(FirstFault { fault: ClientFault::AlgorithmNotAllowed, passed: 1 })?;
    match header.has_extension {
        true => Err(FirstFault { fault: ClientFault::CriticalHeader, passed: 2 }),
        false => Ok(algorithm),
    }
}

/// Passes the outcome of each check to `report`, until that returns an error.
fn check_claims<E>(
    assertion: &Assertion<'_>,
    client_id: Option<&str>,
    rules: &Rules<'_>,
    mut report: impl FnMut(Result<(), ClientFault>) -> Result<(), E>,
) -> Result<(), E> {
    let Assertion { header, claims, .. } = assertion;
    let of = |claim| move |fault: ClaimFault| ClientFault::Claim(claim, fault);
    report(rules.check_iss(claims).map_err(of(Claim::Iss)))?;
    report(check_client_id(client_id, &claims.iss))?;
    report(rules.check_sub(claims).map_err(of(Claim::Sub)))?;
    report(rules.check_jti(claims).map_err(of(Claim::Jti)))?;
    report(rules.check_aud(header, claims).map_err(of(Claim::Aud)))?;
    report(rules.check_typ(header).map_err(of(Claim::Typ)))?;
    // The order of the reference implementation, jose 2: without `exp`, a future `iat` is found
    // first.
    let has_exp = !matches!(claims.exp, Field::Absent);
    report(check_presence(&claims.iat, rules.policy.iat).map_err(of(Claim::Iat)))?;
    if !has_exp {
        report(rules.check_not_future(&claims.iat).map_err(of(Claim::Iat)))?;
    }
    report(check_presence(&claims.nbf, Presence::Optional).map_err(of(Claim::Nbf)))?;
    report(rules.check_not_future(&claims.nbf).map_err(of(Claim::Nbf)))?;
    report(check_presence(&claims.exp, rules.policy.exp).map_err(of(Claim::Exp)))?;
    report(rules.check_not_expired(&claims.exp).map_err(of(Claim::Exp)))?;
    report(rules.check_lifetime(&claims.exp).map_err(of(Claim::Exp)))?;
    report(rules.check_age(&claims.iat).map_err(of(Claim::Iat)))?;
    if has_exp {
        report(rules.check_not_future(&claims.iat).map_err(of(Claim::Iat)))?;
    }
    Ok(())
}

/// A `client_id` parameter must name the client of the assertion (RFC 7521, section 4.2). An
/// assertion that names no client has failed the check of `iss` already.
fn check_client_id(parameter: Option<&str>, iss: &Field<Cow<'_, str>>) -> Result<(), ClientFault> {
    match (parameter, iss) {
        (Some(parameter), Field::Is(iss)) if parameter != iss => Err(ClientFault::ClientIdMismatch),
        _ => Ok(()),
    }
}
