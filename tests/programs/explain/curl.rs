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

#[test]
fn files_and_commands_in_lines_are_not_followed() {
    let marker = std::env::temp_dir().join(format!("explain-marker-{}", std::process::id()));
    let path = marker.display();
    // The arguments, the body, and a part of the note.
    let table = [
        ("-d @body.txt", "@body.txt", "the file that --data names with @ is not read"),
        ("--data-binary @-", "@-", "the file that --data-binary names"),
        ("--json @x", "@x", "the file that --json names"),
        ("--data-urlencode client_assertion@jwt", "client_assertion=%40jwt", "the file that --data-urlencode names"),
        ("-d a=b -H @headers", "a=b", "the file that --header names"),
        ("-K curlrc -d a=b", "a=b", "the file of --config"),
        ("-nd a=b", "a=b", "the file of --netrc"),
        ("-T body.txt", "", "the file of --upload-file"),
        (&*format!("-d \"a=$(touch {path})\""), &*format!("a=$(touch {path})"), "line 1: $(..) is not run"),
        (&*format!("-d a=`touch {path}`"), &*format!("a=`touch {path}`"), "line 1: `..` is not run"),
        ("-d a=$(cat (x))", "a=$(cat (x))", "$(..) is not run"),
        ("-d \"a=${JWT}\"", "a=${JWT}", "${..} is not replaced"),
        ("-d a=$JWT", "a=$JWT", "a variable is not replaced"),
        ("-d a=b --next https://b.example -d c=d", "a=b", "only the request before --next is read"),
        ("https://b.example -d a=b", "a=b", "only the request to the first URL is read"),
        ("-d a=b; curl x -d c=d", "a=b", "only the first command is read"),
        ("-d a=b&c=d", "a=b", "line 1: an & without quotation marks ends the command"),
        ("-d 'a=$JWT'", "a=$JWT", ""),
        ("-d a=5$", "a=5$", ""),
        ("--data-raw @x", "@x", ""),
    ];
    for (arguments, body, note) in table {
        let captured = Captured::read(format!("curl https://a.example {arguments}").as_bytes(), None).unwrap();
        match note {
            "" => assert_eq!(captured.notes, [""; 0], "{arguments}"),
            note => assert!(captured.notes.iter().any(|present| present.contains(note)), "{:?}", captured.notes),
        }
        assert_eq!(String::from_utf8_lossy(request(captured, arguments).body()), body, "{arguments}");
    }
    assert!(!marker.exists());
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
    ] {
        let captured = Captured::read(input.as_bytes(), None).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(captured.source, format!("a curl line, line {number}"), "{input}");
        let request = request(captured, input);
        assert_eq!(&request.body()[..], b"a=b", "{input}");
        assert_eq!(request.headers().contains_key("authorization"), input.contains('@'), "{input}");
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
