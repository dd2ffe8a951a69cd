//! Where in the page a graph runs.

crate::word::words! {
    /// The execution provider asked of onnxruntime-web.
    Platform, "platform" {
        /// Chosen by the model's family and by what was measured on this machine.
        Auto = "auto",
        /// The GPU, through WebGPU compute shaders.
        WebGpu = "webgpu",
        /// The operating system's neural network API, through WebNN.
        WebNn = "webnn",
        /// The CPU, through WebAssembly SIMD and threads.
        Wasm = "wasm",
    }
}
