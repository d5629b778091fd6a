//! Opens the page of refusals in headless Chromium, as a client's engineer does who follows an
//! `error_uri`. Skipped with one line where there is no Chromium.

use std::path::PathBuf;
use std::process::Stdio;

use crate::common::{Signer, fresh_jti};
use crate::server::{ClientFile, Server, form, soon};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

#[tokio::test]
async fn links_of_refusals_lead_to_their_sections_in_a_browser() {
    let Some(mut browser) = Browser::start().await else { return };
    let key = Signer::es384("key-1");
    let clients = ClientFile::new(&json!([]));
    for profile in ["redox", "rfc7523"] {
        let arguments = [clients.arguments_for(profile), vec!["--error-pages".into(), "/errors".into()]].concat();
        let server = Server::start(&arguments).await;
        let repeated = "grant_type=client_credentials&scope=a&scope=b";
        for (case, form) in ["", repeated, &form(&key, "stranger", ""), "grant_type=x"].into_iter().enumerate() {
            let refused = server.post(form).await.json();
            let (page, topic) = refused["error_uri"].as_str().unwrap().split_once('#').unwrap();
            // Another query, so that each is loaded and none is only scrolled.
            let url = format!("http://{}{page}?{case}#{topic}", server.address);
            for (width, height, scheme) in [(1280, 800, "light"), (360, 640, "dark")] {
                browser.look(width, height, scheme).await;
                browser.open(&url).await;
                let text = refused["error_description"].as_str().unwrap();
                browser.assert_shown(&format!("{profile}, {topic}, {width} wide, {scheme}"), topic, text).await;
            }
        }
    }
    browser.close().await;
}

/// A reader who follows a link on a small screen need not scroll to learn what to do.
#[tokio::test]
async fn each_topic_shows_its_advice_on_a_small_screen() {
    let Some(mut browser) = Browser::start().await else { return };
    let clients = ClientFile::new(&json!([]));
    browser.look(360, 640, "light").await;
    for profile in ["redox", "rfc7523"] {
        let server = Server::start(&clients.arguments_for(profile)).await;
        browser.open(&format!("http://{}/errors", server.address)).await;
        // Following a link within the page scrolls as opening it does.
        let script = "[...document.querySelectorAll('section')].map(section => {
            location.hash = section.id;
            const shown = selector => [...section.querySelectorAll(selector)]
                .map(element => element.getBoundingClientRect())
                .some(box => box.height > 0 && box.top >= 0 && box.top + Math.min(box.height, 40) <= innerHeight);
            const parts = ['h2, h3', '.answer', '.advice, .vendor p'];
            return [section.id, parts.filter(part => !shown(part))];
        })";
        let result = browser.evaluate(script).await;
        let topics = result.as_array().unwrap();
        assert!(topics.len() > 30, "{profile}: {result}");
        let hidden: Vec<_> = topics.iter().filter(|topic| topic[1] != json!([])).collect();
        assert!(hidden.is_empty(), "{profile}: {} of {}: {hidden:?}", hidden.len(), topics.len());
    }
    browser.close().await;
}

/// A browser with one page, driven by the DevTools protocol over a pipe.
struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// The events since the last navigation.
    events: Vec<Value>,
    profile: PathBuf,
}

impl Browser {
    /// Returns `None` if no browser is installed.
    async fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let path = std::env::var_os("PATH")?;
        let mut candidates = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
        let Some(program) = candidates.find(|candidate| candidate.is_file()) else {
            eprintln!("skipped: no chromium in PATH");
            return None;
        };
        let profile = std::env::temp_dir().join(format!("tower-client-assertion-browser-{}", fresh_jti()));
        // The browser reads commands from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, input, output, session: None, last: 0, events: Vec::new(), profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", attach).await["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({})).await;
        }
        Some(browser)
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{command}\0").as_bytes()).await.unwrap();
        loop {
            let mut message = self.message().await;
            if message["id"] == self.last {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    async fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        soon("a message of the browser", self.output.read_until(0, &mut bytes)).await.unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn evaluate(&mut self, script: &str) -> Value {
        let mut result = self.call("Runtime.evaluate", json!({"expression": script, "returnByValue": true})).await;
        result["result"]["value"].take()
    }

    async fn look(&mut self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    async fn open(&mut self, url: &str) {
        self.events.clear();
        self.call("Page.navigate", json!({"url": "about:blank"})).await;
        self.wait_for("Page.loadEventFired").await;
        self.events.clear();
        self.call("Page.navigate", json!({"url": url})).await;
        self.wait_for("Page.loadEventFired").await;
    }

    async fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|message| message["method"] == event) {
            let message = self.message().await;
            self.events.push(message);
        }
    }

    /// Asserts that the section is in view, that it stands out, that nothing is cut off, and that
    /// the browser has nothing to complain about.
    async fn assert_shown(&mut self, case: &str, topic: &str, text: &str) {
        let script = "(() => {
            const target = document.querySelector(':target');
            const box = target.getBoundingClientRect();
            const bar = element => getComputedStyle(element).boxShadow;
            const color = element => getComputedStyle(element).backgroundColor;
            const other = [...document.querySelectorAll('main .card')].find(card => !card.contains(target));
            return {
                id: target.id, text: target.textContent, top: box.top, height: innerHeight, width: innerWidth,
                needed: document.documentElement.scrollWidth, scrolled: scrollY,
                marked: bar(target) !== bar(other), dark: parseInt(color(document.body).slice('rgb('.length)) < 128,
            };
        })()";
        let found = &self.evaluate(script).await;
        assert_eq!(found["id"], topic, "{case}: {found}");
        assert!(found["text"].as_str().unwrap().contains(text), "{case}: {found}");
        let (top, height) = (found["top"].as_f64().unwrap(), found["height"].as_f64().unwrap());
        assert!((0.0..height * 0.75).contains(&top), "{case}: the section is not in view: {found}");
        assert!(found["scrolled"].as_f64().unwrap() > 0.0, "{case}: {found}");
        assert!(found["needed"].as_f64() <= found["width"].as_f64(), "{case}: it scrolls sideways: {found}");
        assert_eq!(found["marked"], true, "{case}: the style is not applied: {found}");
        assert_eq!(found["dark"], case.ends_with("dark"), "{case}: {found}");
        let complaints = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
        let complaint = self.events.iter().find(|event| complaints.iter().any(|method| event["method"] == *method));
        assert!(complaint.is_none(), "{case}: {complaint:?}");
    }

    async fn close(mut self) {
        self.session = None;
        self.call("Browser.close", json!({})).await;
        soon("the end of the browser", self.child.wait()).await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
