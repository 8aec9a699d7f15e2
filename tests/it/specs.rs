//! Random canvases, as JSON that a Python producer and a Rust one build the same canvas of.

use celery_client::{Signature, chain, chord, group};
use serde_json::{Value, json};

/// A source of canvases; the same seed gives the same ones.
#[derive(Debug)]
pub(crate) struct Specs {
    state: u64,
    tasks: u64,
}

impl Specs {
    /// The source of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, tasks: 0 }
    }

    /// A number below `bound` (xorshift64*).
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn task(&mut self) -> Value {
        self.tasks += 1;
        let args: Vec<u64> = if self.below(2) == 0 { vec![self.tasks] } else { vec![] };
        let kwargs = if self.below(6) == 0 { json!({ "k": self.tasks }) } else { json!({}) };
        let options = if self.below(8) == 0 { json!({ "priority": self.below(10) }) } else { json!({}) };
        json!(["task", "tasks.show", args, kwargs, self.below(6) == 0, options])
    }

    /// A canvas that nests up to `depth` levels.
    pub(crate) fn spec(&mut self, depth: u32) -> Value {
        if depth == 0 || self.below(4) == 0 {
            return self.task();
        }
        match self.below(9) {
            0 | 1 => json!(["chain", self.several(depth)]),
            2 | 3 => json!(["or", self.several(depth)]),
            4 | 5 => json!(["group", self.several(depth)]),
            6 | 7 => {
                let header = self.several(depth);
                json!(["chord", header, self.spec(depth - 1)])
            }
            _ => {
                let linked = self.spec(depth - 1);
                let how = if self.below(2) == 0 { "link" } else { "link_error" };
                json!([how, linked, self.task()])
            }
        }
    }

    fn several(&mut self, depth: u32) -> Vec<Value> {
        (0..=self.below(3)).map(|_| self.spec(depth - 1)).collect()
    }
}

/// The canvas of a spec, built in Rust.
///
/// # Panics
///
/// When it is no spec.
pub(crate) fn build(spec: &Value) -> Signature {
    let parts = |at: usize| spec[at].as_array().into_iter().flatten().map(build);
    match spec[0].as_str() {
        Some("task") => {
            let mut task =
                Signature::new(spec[1].as_str().unwrap_or_default()).args(&spec[2]).kwargs(&spec[3]);
            if let Some(priority) = spec[5]["priority"].as_i64() {
                task = task.option("priority", priority);
            }
            if spec[4] == json!(true) { task.immutable() } else { task }
        }
        Some("or") => parts(1).reduce(|left, right| left | right).unwrap_or_else(|| chain::<Signature>([])),
        Some("chain") => chain(parts(1)),
        Some("group") => group(parts(1)),
        Some("chord") => chord(parts(1), build(&spec[2])),
        Some("link") => build(&spec[1]).linked(build(&spec[2])),
        Some("link_error") => build(&spec[1]).on_error(build(&spec[2])),
        _ => panic!("no spec: {spec}"),
    }
}
