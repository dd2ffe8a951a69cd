//! Browsers that are tables: what they can do, what they answer, and what they were asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pelago_browser::driver::{Discovery, Installation, Product, Remote, Target};
use pelago_browser::link::{Answer, LinkError, Message, RequestOptions};
use pelago_browser::pool::{Candidate, PoolError};
use pelago_protocol::{Capabilities, ErrorCode, PageError, Platform, Tensor};
use serde_json::{Value, json};

use super::{Fleet, Opened, Worker};

/// Numbers of an embedding.
const HIDDEN: usize = 4;

/// What a worker does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers as a page does.
    Answers,
    /// Refuses with this code.
    Refuses(ErrorCode),
    /// Is lost while it works.
    IsLost,
    /// Is lost after so many tokens of a text.
    IsLostAfter(usize),
}

/// A page that answers at once.
#[derive(Debug)]
pub(crate) struct FakeWorker {
    product: Product,
    capabilities: Capabilities,
    behaviour: Mutex<Behaviour>,
    /// MiB that it says it holds.
    memory_mb: f64,
    /// Milliseconds that it says a run took.
    pub(crate) run_ms: Mutex<f64>,
    held: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    /// Tokens that it makes of any prompt.
    pub(crate) makes: Mutex<Vec<u32>>,
    /// Tokens that it made of the last one.
    pub(crate) made: Mutex<Vec<u32>>,
}

impl FakeWorker {
    /// What it does from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// What it was asked, as `kind platform`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, message: &Message) -> Answer {
        if message.kind == "dispose" {
            let mut held = self.held.lock().unwrap();
            let before = held.len();
            let graph = message.data["graph"].as_str();
            held.retain(|known| graph.is_some_and(|graph| graph != known));
            let data =
                json!({ "disposed": before - held.len(), "held": held.len(), "memory_usage_mb": self.memory_mb });
            return Answer { data, tensors: Vec::new() };
        }
        let load = self.load(message);
        let run_ms = *self.run_ms.lock().unwrap();
        let rows = message.tensors.iter().find(|tensor| tensor.name == "lengths").map_or(1, |tensor| tensor.shape[0]);
        let data = json!({
            "load": load, "run_ms": run_ms, "pool_ms": 0.0, "processing_ms": run_ms, "padded_shape": [rows, 8],
            "padded_tokens": 8, "pooling": "mean", "pooled_by_graph": false,
        });
        let values = vec![0.5; rows * HIDDEN];
        let tensor = Tensor::from_f32("embedding", vec![rows, HIDDEN], &values).unwrap();
        Answer { data, tensors: vec![tensor] }
    }

    /// How the session of a request's graph came to be.
    fn load(&self, message: &Message) -> Value {
        let graph = message.data["graphs"]["model"]["cid"].as_str().unwrap_or_default().to_owned();
        let mut held = self.held.lock().unwrap();
        let is_warm = held.contains(&graph);
        if !is_warm {
            held.push(graph);
        }
        let platform = message.platform.unwrap_or(Platform::Wasm);
        let once = |ms: f64| (!is_warm).then_some(ms);
        json!({
            "session": {
                "execution_provider": format!("{platform}"), "threads": 1, "build": "jspi", "fixed_shape": null,
                "webnn_device_type": null, "webnn_accelerated": null,
                "placement": { "nodes_total": 1, "nodes_on_provider": 1, "nodes_shape_arithmetic": 0,
                    "fallback_operators": [], "shape_operators": [] },
            },
            "warm": is_warm, "fetch_ms": once(1.0), "compile_ms": once(1.0), "first_run_ms": once(1.0),
            "memory_usage_mb": self.memory_mb, "held": [],
        })
    }

    /// Makes its tokens, one a part, until it is told to stop.
    async fn generate(&self, message: &Message, options: RequestOptions) -> Result<Answer, PoolError> {
        let makes = self.makes.lock().unwrap().clone();
        let mut made = Vec::new();
        for (number, id) in makes.iter().enumerate() {
            if *self.behaviour.lock().unwrap() == Behaviour::IsLostAfter(number) {
                return Err(PoolError::BrowserLost {
                    product: self.product.name().to_owned(),
                    reason: "it ended".to_owned(),
                });
            }
            if options.stop.as_ref().is_some_and(tokio_util::sync::CancellationToken::is_cancelled) {
                break;
            }
            made.push(*id);
            if let Some(parts) = &options.parts {
                let part = json!({ "tokens": [{ "row": 0, "id": id, "logprob": null, "top": [] }] });
                parts.send(part).await.unwrap();
            }
            // Whoever listens takes it before the next.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.made.lock().unwrap().clone_from(&made);
        let stop = if made.len() < makes.len() { "interrupted" } else { "length" };
        let data = json!({
            "loads": { "model": self.load(message) }, "rows": [{ "ids": made, "stop": stop }], "encode_ms": null,
            "prefill_ms": 4.0, "decode_ms": 6.0, "steps": made.len().saturating_sub(1), "capacity": 64,
            "cache_bytes": 1 << 20, "captured": false, "not_captured": "a table records nothing",
        });
        Ok(Answer { data, tensors: Vec::new() })
    }
}

#[async_trait]
impl Worker for FakeWorker {
    fn product(&self) -> &str {
        self.product.name()
    }

    fn version(&self) -> &str {
        "1.0"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn browser_memory_mb(&self) -> Option<f64> {
        Some(256.0)
    }

    async fn request(&self, message: Message, options: RequestOptions) -> Result<Answer, PoolError> {
        let platform = message.platform.map_or(String::new(), |platform| format!(" {platform}"));
        self.asked.lock().unwrap().push(format!("{}{platform}", message.kind));
        let product = self.product.name().to_owned();
        if message.kind == "generate" {
            return self.generate(&message, options).await;
        }
        match *self.behaviour.lock().unwrap() {
            Behaviour::Answers | Behaviour::IsLostAfter(_) => Ok(self.answer(&message)),
            Behaviour::Refuses(code) => {
                let error =
                    PageError { code, message: "refused".to_owned(), help: "try".to_owned(), repeatable: false };
                Err(PoolError::Link { product, source: Arc::new(LinkError::Page { error }) })
            }
            Behaviour::IsLost => Err(PoolError::BrowserLost { product, reason: "it ended".to_owned() }),
        }
    }
}

/// What a browser of a [`FakeFleet`] can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    pub(crate) webgpu: bool,
    /// Whether the adapter is a real one.
    pub(crate) real: bool,
    pub(crate) half: bool,
    /// MiB that its page holds from the beginning.
    pub(crate) memory_mb: f64,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { webgpu: true, real: false, half: true, memory_mb: 40.0 }
    }
}

fn capabilities(abilities: Abilities) -> Capabilities {
    let Abilities { webgpu, real, half, .. } = abilities;
    let features = if half { json!(["shader-f16"]) } else { json!([]) };
    serde_json::from_value(json!({
        "user_agent": "fake", "cross_origin_isolated": true,
        "webgpu": { "available": webgpu, "error": null, "adapter": null, "features": features,
            "limits": { "maxBufferSize": 1_073_741_824.0, "maxStorageBufferBindingSize": 1_073_741_824.0 },
            "hardware": { "is_real": real, "reason": "a table says so" } },
        "webnn": { "available": false, "error": "none", "contexts": [],
            "hardware": { "is_real": null, "reason": "there is none" } },
        "wasm": { "simd": true, "threads": false, "hardware_concurrency": 2, "jspi": true },
        "onnxruntime_version": "1", "transformers_version": "4",
    }))
    .unwrap()
}

/// Browsers by name.
#[derive(Debug, Default)]
pub(crate) struct FakeFleet {
    candidates: Vec<Candidate>,
    pub(crate) discovery: Discovery,
    workers: HashMap<String, Arc<FakeWorker>>,
    open: Mutex<Vec<String>>,
}

impl FakeFleet {
    /// The same with a browser of this machine, whose id is its product's name.
    pub(crate) fn with(mut self, product: Product, abilities: Abilities) -> Self {
        let id = product.name().to_owned();
        let installation = Installation {
            id: id.clone().into(),
            kind: product.kind(),
            product,
            binary: PathBuf::from("/browser"),
            version: "1.0".to_owned(),
            driver: PathBuf::from("/driver"),
            driver_version: "1.0".to_owned(),
        };
        self.add(id, product, abilities, installation.into());
        self
    }

    /// The same with a browser behind somebody else's WebDriver.
    pub(crate) fn with_remote(mut self, url: &str, product: Product, abilities: Abilities) -> Self {
        let remote = Remote { url: url.to_owned(), kind: product.kind() };
        self.add(url.to_owned(), product, abilities, remote.into());
        self
    }

    fn add(&mut self, id: String, product: Product, abilities: Abilities, target: Target) {
        let worker = FakeWorker {
            product,
            capabilities: capabilities(abilities),
            behaviour: Mutex::new(Behaviour::Answers),
            memory_mb: abilities.memory_mb,
            run_ms: Mutex::new(10.0),
            held: Mutex::default(),
            asked: Mutex::default(),
            makes: Mutex::default(),
            made: Mutex::default(),
        };
        self.workers.insert(id.clone(), Arc::new(worker));
        self.candidates.push(Candidate { id: id.into(), kind: product.kind(), target });
    }

    /// The worker of a browser.
    pub(crate) fn worker(&self, id: &str) -> &FakeWorker {
        &self.workers[id]
    }

    /// Browsers that were opened, in their order.
    pub(crate) fn open(&self) -> Vec<String> {
        self.open.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fleet for FakeFleet {
    fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    async fn opened(&self, id: &str) -> Option<Arc<dyn Worker>> {
        let is_open = self.open.lock().unwrap().iter().any(|open| open == id);
        is_open.then(|| Arc::clone(&self.workers[id]) as Arc<dyn Worker>)
    }

    async fn open(&self, id: &str) -> Result<Opened, PoolError> {
        let worker = Arc::clone(&self.workers[id]) as Arc<dyn Worker>;
        let mut open = self.open.lock().unwrap();
        if open.iter().any(|known| known == id) {
            return Ok(Opened { worker, took: None });
        }
        open.push(id.to_owned());
        Ok(Opened { worker, took: Some(Duration::from_millis(5)) })
    }
}
