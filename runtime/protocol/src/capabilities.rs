//! What a browser can do, as its page found by asking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The verdict on one platform of one browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// True only where the adapter is known not to be a software one. `None`
    /// where the browser gives no way to tell.
    pub is_real: Option<bool>,
    /// Why, in words: e.g. `the adapter says isFallbackAdapter`.
    pub reason: String,
}

/// A WebGPU adapter, as `GPUAdapterInfo` has it. Browsers may leave every
/// string empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// e.g. `nvidia`.
    pub vendor: String,
    /// e.g. `hopper`.
    pub architecture: String,
    /// The vendor's identifier of the device.
    pub device: String,
    /// Free text of the driver.
    pub description: String,
    /// `GPUAdapterInfo.isFallbackAdapter`; `None` in browsers without it.
    pub is_fallback_adapter: Option<bool>,
}

/// WebGPU in one browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct WebGpuCapabilities {
    /// Whether a device was really made.
    pub available: bool,
    /// Why not, where it is not.
    pub error: Option<String>,
    /// The adapter, where there is one.
    pub adapter: Option<Adapter>,
    /// e.g. `shader-f16`.
    pub features: Vec<String>,
    /// `GPUSupportedLimits`, e.g. `maxBufferSize` in bytes.
    #[cfg_attr(test, ts(type = "Record<string, number>"))]
    pub limits: BTreeMap<String, f64>,
    /// Software or hardware.
    pub hardware: Hardware,
}

/// One WebNN context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct WebNnContext {
    /// The device type asked for: `cpu`, `gpu` or `npu`.
    pub device_type: String,
    /// Whether a context was really made.
    pub available: bool,
    /// Why not, where it was not.
    pub error: Option<String>,
    /// `MLContext.accelerated`; `None` in browsers without it.
    pub accelerated: Option<bool>,
    /// `MLContext.opSupportLimits()`, as the browser gives it.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub op_support_limits: serde_json::Value,
}

/// WebNN in one browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct WebNnCapabilities {
    /// Whether any context was made.
    pub available: bool,
    /// Why not, where it is not.
    pub error: Option<String>,
    /// One a device type.
    pub contexts: Vec<WebNnContext>,
    /// Software or hardware.
    pub hardware: Hardware,
}

/// WebAssembly in one browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct WasmCapabilities {
    /// 128 bit SIMD.
    pub simd: bool,
    /// Shared memory, so more than one thread: needs `crossOriginIsolated`.
    pub threads: bool,
    /// `navigator.hardwareConcurrency`.
    pub hardware_concurrency: u32,
    /// JavaScript promise integration (`WebAssembly.Suspending`).
    pub jspi: bool,
}

/// Everything a page knows of its browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// `navigator.userAgent`.
    pub user_agent: String,
    /// `self.crossOriginIsolated`.
    pub cross_origin_isolated: bool,
    /// WebGPU.
    pub webgpu: WebGpuCapabilities,
    /// WebNN.
    pub webnn: WebNnCapabilities,
    /// WebAssembly.
    pub wasm: WasmCapabilities,
    /// The version of onnxruntime-web in the page.
    pub onnxruntime_version: String,
    /// The version of transformers.js in the page.
    pub transformers_version: String,
}
