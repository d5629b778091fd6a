//! The options of `curl`: which have a value, and which matter to a request.

use std::iter::Peekable;
use std::vec::IntoIter;

/// An option with its value, or a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Url(Vec<u8>),
    /// The long name without hyphens, and the value.
    Valued(&'static str, Vec<u8>),
    Switch(&'static str),
}

/// The options with a value that matter: short and long name.
const VALUED: [(Option<u8>, &str); 18] = [
    (Some(b'X'), "request"),
    (Some(b'H'), "header"),
    (Some(b'd'), "data"),
    (None, "data-ascii"),
    (None, "data-raw"),
    (None, "data-binary"),
    (None, "data-urlencode"),
    (None, "json"),
    (Some(b'F'), "form"),
    (None, "form-string"),
    (Some(b'u'), "user"),
    (None, "oauth2-bearer"),
    (None, "url"),
    (None, "url-query"),
    (Some(b'T'), "upload-file"),
    (Some(b'K'), "config"),
    (Some(b'A'), "user-agent"),
    (Some(b'b'), "cookie"),
];

/// The options without a value that matter.
const SWITCHES: [(Option<u8>, &str); 8] = [
    (Some(b'G'), "get"),
    (Some(b'I'), "head"),
    (Some(b':'), "next"),
    (Some(b'n'), "netrc"),
    (None, "digest"),
    (None, "ntlm"),
    (None, "negotiate"),
    (None, "anyauth"),
];

/// The other short options with a value.
const OTHER_SHORT: &[u8] = b"CDEPQUYcehmortwxyz";

/// The other long options with a value.
#[rustfmt::skip]
const OTHER_LONG: &[&str] = &[
    "abstract-unix-socket", "alt-svc", "aws-sigv4", "cacert", "capath", "cert", "cert-type", "ciphers",
    "connect-timeout", "connect-to", "continue-at", "cookie-jar", "create-file-mode", "crlfile", "curves", "delegation",
    "dns-interface", "dns-ipv4-addr", "dns-ipv6-addr", "dns-servers", "doh-url", "dump-header", "ech", "egd-file",
    "engine", "etag-compare", "etag-save", "expect100-timeout", "ftp-account", "ftp-alternative-to-user", "ftp-method",
    "ftp-port", "ftp-ssl-ccc-mode", "happy-eyeballs-timeout-ms", "haproxy-clientip", "hostpubmd5", "hostpubsha256",
    "hsts", "interface", "ip-tos", "ipfs-gateway", "keepalive-cnt", "keepalive-time", "key", "key-type", "krb",
    "libcurl", "limit-rate", "local-port", "login-options", "mail-auth", "mail-from", "mail-rcpt", "max-filesize",
    "max-redirs", "max-time", "netrc-file", "noproxy", "output", "output-dir", "parallel-max", "pass", "pinnedpubkey",
    "preproxy", "proto", "proto-default", "proto-redir", "proxy", "proxy-cacert", "proxy-capath", "proxy-cert",
    "proxy-cert-type", "proxy-ciphers", "proxy-crlfile", "proxy-header", "proxy-key", "proxy-key-type", "proxy-pass",
    "proxy-pinnedpubkey", "proxy-service-name", "proxy-tls13-ciphers", "proxy-tlsauthtype", "proxy-tlspassword",
    "proxy-tlsuser", "proxy-user", "proxy1.0", "pubkey", "quote", "random-file", "range", "rate", "referer",
    "request-target", "resolve", "retry", "retry-delay", "retry-max-time", "sasl-authzid", "service-name",
    "socks4", "socks4a", "socks5", "socks5-gssapi-service", "socks5-hostname", "speed-limit", "speed-time", "stderr",
    "telnet-option", "tftp-blksize", "time-cond", "tls-max", "tls13-ciphers", "tlsauthtype", "tlspassword", "tlsuser",
    "trace", "trace-ascii", "trace-config", "unix-socket", "variable", "vlan-priority", "write-out",
];

/// Reads the words behind `curl`.
pub(super) fn read(words: Vec<Vec<u8>>) -> Result<Vec<Argument>, String> {
    let mut words = words.into_iter().peekable();
    let mut arguments = Vec::new();
    while let Some(word) = words.next() {
        match word.as_slice() {
            [b'-', b'-', name @ ..] if !name.is_empty() => arguments.extend(long(name, &mut words)?),
            [b'-', letters @ ..] if !letters.is_empty() => short(letters, &mut words, &mut arguments)?,
            _ => arguments.push(Argument::Url(word)),
        }
    }
    Ok(arguments)
}

fn long(word: &[u8], words: &mut Peekable<IntoIter<Vec<u8>>>) -> Result<Option<Argument>, String> {
    let mut halves = word.splitn(2, |byte| *byte == b'=');
    let (name, value) = (halves.next().unwrap_or_default(), halves.next().map(<[u8]>::to_vec));
    let named = |known: &&str| known.as_bytes() == name;
    let known = VALUED.iter().map(|(_, name)| *name).find(named);
    if known.is_none() && !OTHER_LONG.iter().any(named) {
        return Ok(SWITCHES.iter().map(|(_, name)| *name).find(named).map(Argument::Switch));
    }
    let value = value.or_else(|| words.next()).ok_or_else(|| no_value(known.unwrap_or("an option")))?;
    Ok(known.map(|known| Argument::Valued(known, value)))
}

/// Reads letters behind one hyphen. The last may have a value, in the same word or the next.
fn short(
    mut letters: &[u8],
    words: &mut Peekable<IntoIter<Vec<u8>>>,
    arguments: &mut Vec<Argument>,
) -> Result<(), String> {
    while let [letter, rest @ ..] = letters {
        letters = rest;
        let has_letter = |(short, _): &&(Option<u8>, &str)| *short == Some(*letter);
        let known = VALUED.iter().find(has_letter).map(|(_, name)| *name);
        if known.is_some() || OTHER_SHORT.contains(letter) {
            let attached = Some(rest.to_vec()).filter(|rest| !rest.is_empty());
            let value = attached.or_else(|| words.next()).ok_or_else(|| no_value(known.unwrap_or("an option")))?;
            arguments.extend(known.map(|known| Argument::Valued(known, value)));
            return Ok(());
        }
        arguments.extend(SWITCHES.iter().find(has_letter).map(|(_, name)| Argument::Switch(name)));
    }
    Ok(())
}

fn no_value(name: &str) -> String {
    format!("the curl line ends after {name}, which has no value")
}
