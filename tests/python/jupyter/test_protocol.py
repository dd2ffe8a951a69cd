"""What jupyter_kernel_test, Jupyter's own test of kernels, asks; every sample it
knows is filled in, so it skips nothing.
"""

import jupyter_kernel_test


class PelagoTests(jupyter_kernel_test.KernelTests):
    kernel_name = "pelago"
    language_name = "rust"
    file_extension = ".rs"

    code_hello_world = 'println!("hello, world")'
    code_stderr = 'eprintln!("oops")'
    completion_samples = [
        {"text": ":capab", "matches": ["capabilities"]},
        {"text": ":accelerate all-Mini", "matches": ["all-MiniLM-L6-v2"]},
        {"text": "let frame = history().unwr"},
    ]
    complete_code_samples = [
        "1 + 1",
        "let x = 1;",
        "let x = 1",
        'fn f() -> &\'static str { "}" }',
        ":vars",
        "// nothing but words",
        "",
    ]
    incomplete_code_samples = ["fn f() {", 'println!("', "let x = (1,", "/* not yet", "let x =", 'r#"raw"']
    invalid_code_samples = ["let x = );", "fn 5() {}"]
    code_page_something = "?accelerate"
    code_generate_error = 'panic!("on purpose")'
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": "vec![1, 2]", "result": "[1, 2]"},
        {"code": "df!(\"a\" => [1])?", "mime": "text/html"},
        {"code": '"a text".len()', "result": "6"},
    ]
    code_display_data = [
        {"code": 'display(Html("<b>bold</b>".into()))', "mime": "text/html"},
        {"code": 'display(df!("a" => [1, 2])?)', "mime": "text/html"},
        {"code": "display(5)", "mime": "text/plain"},
    ]
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "*1 + 2*"
    code_inspect_sample = "accelerate"
    code_clear_output = "clear_output(false)"


# The class it is derived from tests nothing by itself.
del jupyter_kernel_test
