//! A program that is run to its end, and what it said.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::wait;

/// How long a command may take that does not wait for something.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// Runs `command` to its end, with `input` as its standard input.
    pub fn by(command: &mut Command, input: &str) -> Result<Self> {
        Speaker::start(command, input)?.end(LIMIT)
    }

    /// Its standard output, if all went well and nothing was said besides.
    pub fn good(self) -> Result<String> {
        ensure!(self.code == 0 && self.err.is_empty(), "{self:?}");
        Ok(self.out)
    }

    /// Its standard output as JSON, if all went well.
    pub fn json(self) -> Result<Value> {
        let out = self.good()?;
        serde_json::from_str(&out).with_context(|| format!("not JSON: {out}"))
    }
}

/// A program that runs; killed when dropped.
#[derive(Debug)]
pub struct Speaker {
    child: Child,
    out: Option<JoinHandle<Vec<u8>>>,
    err: Option<JoinHandle<Vec<u8>>>,
}

impl Speaker {
    /// Starts `command`, with `input` as its standard input.
    pub fn start(command: &mut Command, input: &str) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {:?}", command.get_program()))?;
        if let Some(mut writer) = child.stdin.take() {
            // A program that ends without reading is judged by what it says.
            let _ = writer.write_all(input.as_bytes());
        }
        let out = child.stdout.take().map(read);
        let err = child.stderr.take().map(read);
        Ok(Self { child, out, err })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, which must come within `limit`.
    pub fn end(mut self, limit: Duration) -> Result<Said> {
        let status: ExitStatus = wait::until("the command to end", limit, || Ok(self.child.try_wait()?))?;
        let code = status.code().ok_or_else(|| anyhow!("it was ended by a signal: {status}"))?;
        let text = |reader: Option<JoinHandle<Vec<u8>>>| {
            let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(Said { code, out: text(self.out.take()), err: text(self.err.take()) })
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until then is all there is.
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}
