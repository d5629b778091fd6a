//! The options of `curl`: which have a value, and which matter to a request.

use std::vec::IntoIter;

use super::words::Word;

/// An option with its value, or a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Url(Word),
    /// The long name without hyphens, and the value.
    Valued(&'static str, Word),
    Switch(&'static str),
    /// What is no option of `curl`, as far as this is known.
    Unknown(Vec<u8>),
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

/// The other long options without a value. Each may have `no-` in front.
#[rustfmt::skip]
const OTHER_SWITCHES: &[&str] = &[
    "append", "basic", "ca-native", "cert-status", "compressed", "compressed-ssh", "create-dirs", "crlf", "disable",
    "disable-eprt", "disable-epsv", "disallow-username-in-url", "doh-cert-status", "doh-insecure", "dump-ca-embed",
    "eprt", "epsv", "fail", "fail-early", "fail-with-body", "false-start", "follow", "form-escape", "ftp-create-dirs",
    "ftp-pasv", "ftp-pret", "ftp-skip-pasv-ip", "ftp-ssl-ccc", "ftp-ssl-control", "globoff", "haproxy-protocol",
    "help", "http0.9", "http1.0", "http1.1", "http2", "http2-prior-knowledge", "http3", "http3-only",
    "ignore-content-length", "include", "insecure", "ipv4", "ipv6", "junk-session-cookies", "list-only", "location",
    "location-trusted", "mail-rcpt-allowfails", "manual", "metalink", "mptcp", "netrc-optional", "alpn", "buffer",
    "clobber", "keepalive", "npn", "progress-meter", "sessionid", "ntlm-wb", "out-null", "parallel",
    "parallel-immediate", "path-as-is", "post301", "post302", "post303", "progress-bar", "proxy-anyauth", "proxy-basic",
    "proxy-ca-native", "proxy-digest", "proxy-http2", "proxy-insecure", "proxy-negotiate", "proxy-ntlm",
    "proxy-ssl-allow-beast", "proxy-ssl-auto-client-cert", "proxy-tlsv1", "proxytunnel", "raw", "remote-header-name",
    "remote-name", "remote-name-all", "remote-time", "remove-on-error", "retry-all-errors", "retry-connrefused",
    "sasl-ir", "show-error", "show-headers", "silent", "skip-existing", "socks5-basic", "socks5-gssapi",
    "socks5-gssapi-nec", "ssl", "ssl-allow-beast", "ssl-auto-client-cert", "ssl-no-revoke", "ssl-reqd",
    "ssl-revoke-best-effort", "ssl-sessions", "sslv2", "sslv3", "styled-output", "suppress-connect-headers",
    "tcp-fastopen", "tcp-nodelay", "tftp-no-options", "tls-earlydata", "tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2",
    "tlsv1.3", "tr-encoding", "trace-ids", "trace-time", "use-ascii", "verbose", "version", "xattr",
];

/// Reads the words behind `curl`.
pub(super) fn read(words: impl Iterator<Item = Word>) -> Result<Vec<Argument>, String> {
    let mut words = words.collect::<Vec<_>>().into_iter();
    let mut arguments = Vec::new();
    while let Some(Word { bytes, unread }) = words.next() {
        match bytes.as_slice() {
            [b'-', b'-', name @ ..] if !name.is_empty() => arguments.extend(long(name, unread, &mut words)?),
            [b'-', letters @ ..] if !letters.is_empty() => short(letters, unread, &mut words, &mut arguments)?,
            _ => arguments.push(Argument::Url(Word { bytes, unread })),
        }
    }
    Ok(arguments)
}

fn long(word: &[u8], unread: Option<String>, words: &mut IntoIter<Word>) -> Result<Option<Argument>, String> {
    let mut halves = word.splitn(2, |byte| *byte == b'=');
    let (name, value) = (halves.next().unwrap_or_default(), halves.next().map(<[u8]>::to_vec));
    let Some(name) = resolved(name) else { return Ok(Some(Argument::Unknown(name.to_vec()))) };
    let known = VALUED.iter().any(|(_, known)| *known == name);
    if !known && !OTHER_LONG.contains(&name) {
        return Ok(SWITCHES.iter().find(|(_, known)| *known == name).map(|_| Argument::Switch(name)));
    }
    let value = value.map(|bytes| Word { bytes, unread }).or_else(|| words.next());
    let value = value.ok_or_else(|| no_value(if known { name } else { "an option" }))?;
    Ok(known.then_some(Argument::Valued(name, value)))
}

/// Returns the option with this name, or the only one that begins so.
fn resolved(name: &[u8]) -> Option<&'static str> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_prefix("no-").unwrap_or(name);
    let all = || {
        let (valued, switches) = (VALUED.iter(), SWITCHES.iter());
        let others = OTHER_LONG.iter().chain(OTHER_SWITCHES).copied();
        valued.map(|(_, known)| *known).chain(switches.map(|(_, known)| *known)).chain(others)
    };
    let mut beginning = all().filter(|known| known.starts_with(name));
    let first = beginning.next().filter(|_| beginning.next().is_none());
    all().find(|known| *known == name).or(first)
}

/// Reads letters behind one hyphen. The last may have a value, in the same word or the next.
fn short(
    mut letters: &[u8],
    unread: Option<String>,
    words: &mut IntoIter<Word>,
    arguments: &mut Vec<Argument>,
) -> Result<(), String> {
    while let [letter, rest @ ..] = letters {
        letters = rest;
        let has_letter = |(short, _): &&(Option<u8>, &str)| *short == Some(*letter);
        let known = VALUED.iter().find(has_letter).map(|(_, name)| *name);
        if known.is_some() || OTHER_SHORT.contains(letter) {
            let attached = Some(rest.to_vec()).filter(|rest| !rest.is_empty());
            let value = attached.map(|bytes| Word { bytes, unread }).or_else(|| words.next());
            let value = value.ok_or_else(|| no_value(known.unwrap_or("an option")))?;
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
