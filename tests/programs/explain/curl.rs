//! `curl` lines, compared with what `curl` sends.

use std::borrow::Cow;
use std::process::Stdio;

use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::input::{JWT, request};
use crate::explain_input::{Captured, What};
use crate::server::soon;

/// Lines whose request does not depend on anything else. `URL` stands for a server.
const LINES: &[&str] = &[
    "curl URL",
    "curl URL -d a=b",
    "curl -d a=b URL",
    "curl URL -d a=b -d c=d",
    "curl URL -d ''",
    "curl URL -da=b --data c=d --data-ascii e=f --data-raw @g --data-binary h",
    "curl 'URL?x=y#z' -d 'a b=\"c\"'",
    "curl \"URL\" -d \"a\\\"b\\$c\\d\\\\\"",
    "curl URL -d $'a\\'b\\x41\\u00e9\\n\\101\\q\\t\\\\'",
    "curl URL \\\n  -d a=b \\\n  -d c=d\n",
    "curl URL -d a\\ b\\'c",
    "curl URL -d 'a'\"b\"c''",
    "curl URL -d a#b # -d c",
    "curl URL -d a=b -X PUT",
    "curl URL -XPATCH --data-raw a=b",
    "curl URL --request DELETE",
    "curl URL -I",
    "curl URL -G -d a=b -d c=d",
    "curl 'URL?x=y' -G --data-urlencode 'a=b c'",
    "curl --get --url URL -d a=b",
    "curl URL --data-urlencode 'a=b c&d=e/~_.-é'",
    "curl URL --data-urlencode 'no name'",
    "curl URL --data-urlencode '=b=c'",
    "curl URL --url-query 'a=b c' --url-query +d=e%20f -d x",
    "curl URL -H 'Content-Type: text/plain' -d a=b",
    "curl URL -H 'content-type: application/x-www-form-urlencoded; charset=utf-8' -d a=b",
    "curl URL -H 'Content-Type:' -d a=b",
    "curl URL -H 'Content-Type;' -d a=b",
    "curl URL -H 'Authorization: Bearer x' -u a:b -d c",
    "curl URL -H 'Authorization: x' -H 'Authorization: y' -d c",
    "curl URL -u 'client:p@ss:w' -d a=b",
    "curl URL --oauth2-bearer token -d a=b",
    "curl URL --json '{\"a\":\"b\"}' --json ' '",
    "curl -sSLd a=b URL",
    "curl -fsS -o /dev/null -w '%{http_code}' URL -d a=b",
    "curl --max-time 30 -m30 --retry 0 URL -d a=b",
    "curl -vkd a=b -e https://b.example -A agent -b x=y URL",
    "curl --compressed --no-buffer --http1.1 URL -d a=b",
    "curl --digest -u a:b URL -d c=d -X PUT --basic",
    "curl URL -d a=b > /dev/null 2>&1",
    "curl URL -d a=b 2>/dev/null | cat",
    "curl URL -d a=b && true; false",
    "curl URL -d grant_type=x&scope=y",
    "curl URL -d a=b; curl URL -d c=d",
];

#[tokio::test]
async fn lines_are_read_as_curl_sends_them() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().await.is_err() {
        println!("skipped: there is no curl");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let mut compared = 0;
    for line in LINES.iter().map(|line| line.replace("URL", &url)) {
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(&line).env_remove("http_proxy").stdin(Stdio::null()).stdout(Stdio::null());
        let mut shell = shell.stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let sent = soon(&line, first_request(&listener)).await;
        // The rest of the line may send more.
        shell.kill().await.unwrap();
        let captured = Captured::read(line.as_bytes(), None).unwrap_or_else(|error| panic!("{line}: {error}"));
        let expected = Captured::read(&sent, None).unwrap_or_else(|error| panic!("{line}: {error}"));
        let (captured, expected) = (request(captured, &line), request(expected, &line));
        if line.contains("--digest") {
            assert!(!captured.headers().contains_key("authorization"), "{line}");
            continue;
        }
        assert_eq!(captured.method(), expected.method(), "{line}");
        assert_eq!(captured.uri(), expected.uri(), "{line}");
        assert_eq!(judged(captured.headers()), judged(expected.headers()), "{line}");
        assert_eq!(captured.body(), expected.body(), "{line}");
        compared += 1;
    }
    assert_eq!(compared, LINES.len() - 1);
}

/// The headers that the layer judges.
fn judged(headers: &HeaderMap) -> Vec<(&'static str, Vec<Cow<'_, str>>)> {
    let names = ["content-type", "content-encoding", "content-length", "authorization"];
    names
        .map(|name| {
            (name, headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect())
        })
        .to_vec()
}

async fn first_request(listener: &TcpListener) -> Vec<u8> {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        let head = request.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if request.len() >= head + length {
                socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
                return request;
            }
        }
        let read = socket.read_buf(&mut request).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&request));
    }
}

/// Where the body is not known, there is nothing to judge.
#[test]
fn bodies_in_files_and_of_commands_are_not_guessed() {
    let marker = std::env::temp_dir().join(format!("explain-marker-{}", std::process::id()));
    let path = marker.display();
    let table = [
        ("-d @body.txt", "--data names a file, which is not followed: put its content into the line"),
        ("--data-binary @-", "--data-binary names a file"),
        ("--json @x", "--json names a file"),
        ("--data-urlencode client_assertion@jwt", "--data-urlencode names a file"),
        ("--data-urlencode @jwt", "--data-urlencode names a file"),
        ("--url-query a@b", "--data-urlencode names a file"),
        ("-T body.txt", "--upload-file names a file"),
        (&*format!("\\\n -d \"a=$(touch {path})\""), "line 2: $(..) is not run: put into the line what it stands for"),
        (&*format!("-d a=`touch {path}`"), "line 1: `..` is not run"),
        ("-d a=$(cat (x))", "line 1: $(..) is not run"),
        ("-d \"a=${JWT}\"", "line 1: ${..} is not replaced"),
        ("-da=$JWT", "line 1: a variable is not replaced"),
        ("--data-urlencode=a=$JWT", "line 1: a variable is not replaced"),
        ("-X $METHOD", "line 1: a variable is not replaced"),
    ];
    for (arguments, expected) in table {
        let error = Captured::read(format!("curl https://a.example {arguments}").as_bytes(), None).unwrap_err();
        assert!(error.starts_with(expected), "{arguments}: {error}");
    }
    assert!(!marker.exists());
}

#[test]
fn what_else_is_not_followed_in_a_line_is_noted() {
    // The arguments, the body, and a part of the note.
    let table = [
        ("-d a=b -H @headers", "a=b", "the file that --header names"),
        ("-K curlrc -d a=b", "a=b", "the file of --config"),
        ("-nd a=b", "a=b", "the file of --netrc"),
        ("-d a=b -H \"A: $B\"", "a=b", "line 1: a variable is not replaced: it stands for itself"),
        ("-d a=b -u a:$(b)", "a=b", "line 1: $(..) is not run: it stands for itself"),
        ("-d a=b --next https://b.example -d c=d", "a=b", "only the request before --next is read"),
        ("https://b.example -d a=b", "a=b", "only the request to the first URL is read"),
        ("-d a=b; curl x -d c=d", "a=b", "only the first command is read"),
        ("-d a=b&c=d", "a=b", "line 1: an & without quotation marks ends the command"),
        ("-d a=b --colour", "a=b", "the option --colour is not understood: it is read as one without a value"),
        ("-d a=b --co", "a=b", "the option --co is not understood"),
        ("-d a=b --eyJhbGciOiJFUzM4NCJ9", "a=b", "the option --.. is not understood"),
        ("--data-u a=%", "a=%25", ""),
        ("--user-a x --no-keepalive --no-buffer --compressed -d a=b", "a=b", ""),
        ("-o \"$FILE\" -d a=b > $(date)", "a=b", ""),
        ("-d 'a=$JWT'", "a=$JWT", ""),
        ("-d a=5$", "a=5$", ""),
        ("--data-raw @x", "@x", ""),
        ("-d 'a=^&^%`\u{A0}'", "a=^&^%`\u{A0}", ""),
    ];
    for (arguments, body, note) in table {
        let captured = Captured::read(format!("curl https://a.example {arguments}").as_bytes(), None)
            .unwrap_or_else(|error| panic!("{arguments}: {error}"));
        match note {
            "" => assert_eq!(captured.notes, [""; 0], "{arguments}"),
            note => assert!(captured.notes.iter().any(|present| present.contains(note)), "{:?}", captured.notes),
        }
        assert_eq!(String::from_utf8_lossy(request(captured, arguments).body()), body, "{arguments}");
    }
}

/// Lines for other programs and shells, and lines that no shell runs as they look.
#[test]
fn other_lines_are_named() {
    let form = "grant_type=client_credentials&client_assertion=eyJh.e30.x";
    let no_curl = "the input looks like a curl line, but something else is in front of curl: expected a curl line";
    let table = [
        (format!("curl https://a.example ^\n -d '{form}'"), "the curl line is written for cmd.exe: copy it for bash"),
        (format!("curl ^\"https://a.example^\" -d '{form}'"), "the curl line is written for cmd.exe"),
        (format!("curl \"https://a.example\" -d {}", form.replace('&', "^&")), "the curl line is written for cmd.exe"),
        (format!("curl \"https://a.example\" -d \"{form}^%^20\""), "the curl line is written for cmd.exe"),
        (format!("curl https://a.example `\r\n -d '{form}'"), "the curl line is written for PowerShell: copy it"),
        (format!("curl -Uri https://a.example -Body '{form}'"), "curl stands for Invoke-WebRequest of PowerShell"),
        (format!("curl\u{A0}https://a.example -d '{form}'"), "line 1: a typographic space"),
        (format!("curl https://a.example \\\n \u{2013}d '{form}'"), "line 2: a typographic space"),
        (format!("curl https://a.example -d \u{2019}{form}\u{2019}"), "line 1: a typographic space"),
        (format!("I ran curl https://a.example -d '{form}'"), no_curl),
        (
            format!("Invoke-WebRequest https://a.example -Body \"{form}\""),
            "the input looks like a command of PowerShell",
        ),
        (format!("fetch(\"https://a.example\",{{\"body\":\"{form}\"}})"), "the input looks like a call of fetch"),
        (
            format!("fetch(\"https://a.example\", {{\n  \"body\": \"{form}\"\n}})"),
            "the input looks like a call of fetch",
        ),
        (format!("wget --post-data={form} https://a.example"), "the input looks like a wget line"),
        (format!("http POST https://a.example {form}"), "the input is not recognized"),
        (format!("{{{form}}}"), "the input begins like JSON"),
        (format!("\"{form}\""), "the input is not recognized"),
        (format!("POST  /t  HTTP/1.1\r\nHost: a\r\n\r\n{form}"), "the input looks like a raw HTTP request, but its"),
        (format!("POST /t HTTP/1.1 x\nHost: a\n\n{form}"), "the input looks like a raw HTTP request"),
    ];
    for (input, expected) in table {
        let error = Captured::read(input.as_bytes(), None).expect_err(&input);
        assert!(error.starts_with(expected), "{input}: {error}");
        assert!(!error.contains("eyJ") && !error.contains('\n'), "{input}: {error}");
    }
}

/// The time is that of one pass. What is more than any line has is refused.
#[test]
fn long_lines_are_read_in_one_pass() {
    let line =
        |piece: &str| format!("curl https://a.example -H 'A: '{} -d a=b", piece.repeat((900 << 10) / piece.len()));
    for piece in ["''", "\"\"", "$A", "$'\\n'", "a\\\n", "`a`", "$(a)", "${a}"] {
        let captured = Captured::read(line(piece).as_bytes(), None);
        let notes = captured.unwrap_or_else(|error| panic!("{piece}: {error}")).notes;
        assert!(notes.len() < 2, "{piece}: {notes:?}");
    }
    for piece in [" -d a", " x", " --x", " -K a"] {
        let error = Captured::read(line(piece).as_bytes(), None).unwrap_err();
        assert_eq!(error, "the curl line has more than 10000 words", "{piece}");
    }
}

#[test]
fn lines_have_prompts_comments_and_paths() {
    for (input, number) in [
        ("curl https://a.example -d a=b", 1),
        ("$ curl https://a.example -d a=b\n", 1),
        ("\n\n# What was sent:\n  % curl https://a.example -d a=b", 4),
        ("/usr/bin/curl https://a.example -d a=b", 1),
        ("curl.exe https://a.example -d a=b", 1),
        ("curl\thttps://a.example -d a=b", 1),
        ("curl https://user:pw@a.example/x -d a=b", 1),
        ("curl a.example -d a=b", 1),
        ("user@host:~/x$ curl a.example -d a=b", 1),
        ("[user@host x]$ curl a.example -d a=b", 1),
        ("root@host:~# curl a.example -d a=b", 1),
        ("# curl a.example -d a=b", 1),
        ("# curl of today\ncurl a.example -d a=b", 2),
        ("PS C:\\> curl.exe a.example -d a=b", 1),
        ("C:\\Users\\a>curl a.example -d a=b", 1),
        ("time curl a.example -d a=b", 1),
        ("$ sudo -E curl a.example -d a=b", 1),
        ("TOKEN=1 B=2 curl a.example -d a=b", 1),
        ("cd /tmp && curl a.example -d a=b", 1),
        ("RESP=$(curl a.example -d a=b)", 1),
        ("RESP=\"$(curl a.example -d a=b | jq .)\"", 1),
        ("echo \"$(curl a.example -d a=b)\"", 1),
        ("```sh\ncurl a.example \\\n  -d a=b\n```\n", 2),
        ("This is what we sent:\n\n> curl a.example -d a=b\n", 3),
    ] {
        let captured = Captured::read(input.as_bytes(), None).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(captured.source, format!("a curl line, line {number}"), "{input}");
        let request = request(captured, input);
        assert_eq!(&request.body()[..], b"a=b", "{input}");
        assert_eq!(request.headers().contains_key("authorization"), input.contains("pw@"), "{input}");
    }
}

#[test]
fn multipart_forms_have_their_parts() {
    let line = format!("curl https://a.example -F grant_type=client_credentials -F client_assertion={JWT}");
    let captured = Captured::read(line.as_bytes(), None).unwrap();
    let What::Request(request) = captured.what else { panic!("no request") };
    let content_type = request.headers()["content-type"].to_str().unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8_lossy(request.body());
    assert_eq!(body.matches(&format!("--{boundary}")).count(), 3, "{body}");
    assert!(body.contains(&format!("name=\"client_assertion\"\r\n\r\n{JWT}\r\n")), "{body}");
    assert_eq!(request.method(), "POST");
}
