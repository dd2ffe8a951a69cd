"""One run of a decoder, whose caches are numpy arrays that grow or onnxruntime's own buffers that are written in place."""

import onnxruntime


def run(session, feeds, caches, outputs):
    """What the session gives, by name. Afterwards `caches` hold what the next run is given."""
    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_cpu_input(name, value)
    static = isinstance(next(iter(caches.values())), onnxruntime.OrtValue)
    for name, value in caches.items():
        (binding.bind_ortvalue_input if static else binding.bind_cpu_input)(name, value)
    for name in outputs:
        if static and name.startswith("present."):
            binding.bind_ortvalue_output(name, caches[name.replace("present.", "past.", 1)])
        else:
            binding.bind_output(name)
    session.run_with_iobinding(binding)
    found = dict(zip(outputs, binding.get_outputs()))
    if not static:
        for name in caches:
            caches[name] = found[name.replace("past.", "present.", 1)].numpy()
    return found
