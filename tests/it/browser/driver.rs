//! A browser, told what to do over WebDriver (W3C): requests with JSON to a chromedriver of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long something may take to show.
const PATIENCE: Duration = Duration::from_secs(15);
/// What W3C calls the key of an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub(crate) struct Browser {
    address: SocketAddr,
    session: String,
    pages: String,
    driver: Child,
    /// Kept open, as the driver may write more.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// One that looks at the pages of an address.
    pub(crate) async fn open(pages: SocketAddr) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // So that the browser ends with it, whatever becomes of the test.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is not there; `.ci/install interop` installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("chromedriver said no port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse::<u16>().unwrap();
            }
        };
        let mut browser = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
            pages: format!("http://{pages}"),
            driver,
            _output: lines,
        };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--window-size=1280,900", "--lang=en-US", "--no-first-run",
                // What scrolls is drawn without a graphics card here, which takes a core.
                "--force-prefers-reduced-motion",
            ]},
        }}});
        let begun = browser
            .ask("POST", "/session", Some(capabilities))
            .await
            .unwrap();
        browser.session = begun["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// Asks the driver. An error has its own words.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = BufReader::new(stream);
        let (mut status, mut length) = (String::new(), 0);
        // The driver leaves the connection open, whatever it is asked.
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).await.unwrap();
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                }
            } else {
                status = line.to_owned();
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).await.unwrap();
        let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status.split(' ').nth(1) {
            Some("200") => Ok(answer["value"].take()),
            _ => Err(answer["value"]["message"].to_string()),
        }
    }

    async fn command(
        &self,
        method: &str,
        what: &str,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let path = format!("/session/{}/{what}", self.session);
        self.ask(method, &path, body).await
    }

    /// Goes to a page: `/#/recordings`.
    pub(crate) async fn go(&self, page: &str) {
        let url = json!({"url": format!("{}{page}", self.pages)});
        self.command("POST", "url", Some(url)).await.unwrap();
    }

    /// Runs a script in the page; returns what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.command("POST", "execute/sync", Some(body))
            .await
            .unwrap()
    }

    /// What a script returns that is neither null, false, zero nor empty, as soon as it does.
    pub(crate) async fn until(&self, script: &str) -> Value {
        let asking = async {
            loop {
                let found = self.run(script).await;
                let is_there = match &found {
                    Value::Null => false,
                    Value::Bool(is) => *is,
                    Value::Number(number) => number.as_f64() != Some(0.0),
                    Value::String(text) => !text.is_empty(),
                    Value::Array(_) | Value::Object(_) => true,
                };
                if is_there {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(found) => found,
            Err(_) => {
                self.picture("failed").await;
                let shown = self.run("return document.body.innerText").await;
                let complaints = self.complaints().await;
                panic!("`{script}` did not come about; shown is:\n{shown}\n{complaints:?}")
            }
        }
    }

    async fn element(&self, selector: &str) -> String {
        self.until(&format!(
            "return document.querySelector({})?.checkVisibility()",
            json!(selector)
        ))
        .await;
        let body = json!({"using": "css selector", "value": selector});
        let found = self.command("POST", "element", Some(body)).await.unwrap();
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Presses what a selector finds, as somebody with a mouse does, as soon as it is there.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        let what = format!("element/{element}/click");
        self.command("POST", &what, Some(json!({}))).await.unwrap();
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let clear = format!("element/{element}/clear");
        self.command("POST", &clear, Some(json!({}))).await.unwrap();
        let what = format!("element/{element}/value");
        self.command("POST", &what, Some(json!({"text": text})))
            .await
            .unwrap();
    }

    /// The text that a selector's element shows, as soon as it shows some.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!(
            "return document.querySelector({})?.innerText",
            json!(selector)
        );
        self.until(&script).await.as_str().unwrap().to_owned()
    }

    /// How many elements a selector finds.
    pub(crate) async fn count(&self, selector: &str) -> u64 {
        let script = format!(
            "return document.querySelectorAll({}).length",
            json!(selector)
        );
        self.run(&script).await.as_u64().unwrap()
    }

    /// What the page's console has since it was last asked: warnings and worse, answers that are no success left out,
    /// as every browser writes those there.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self
            .command("POST", "se/log", Some(json!({"type": "browser"})))
            .await;
        let log = log.unwrap_or_default();
        let entries = log.as_array().cloned().unwrap_or_default();
        let is_bad = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        entries
            .iter()
            .filter(is_bad)
            .filter(|entry| entry["source"] != "network")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Keeps a picture of what is shown, as `target/browser/NAME.png`.
    pub(crate) async fn picture(&self, name: &str) {
        let shown = self.command("GET", "screenshot", None).await.unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(shown.as_str().unwrap());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }

    /// Signs in by the form; waits for what comes of it.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) {
        self.type_into("input[name=username]", name).await;
        self.type_into("input[name=password]", password).await;
        self.click(".sign-in button[type=submit]").await;
        self.until("return document.querySelector('nav, .widget, .sign-in .trouble') !== null")
            .await;
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        let path = format!("/session/{}", self.session);
        let _ = self.ask("DELETE", &path, None).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(id) = self.driver.id() {
            let _ = killpg(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
        }
    }
}
