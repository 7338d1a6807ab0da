#!/usr/bin/env python3
"""Plants each thing that tests/tidy forbids in an empty directory, and sees it found, and what is right
pass."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIDY = os.path.join(HERE, "..", "tidy")
HEADER = "#ifndef HOPNHAT_BASE_A_H\n#define HOPNHAT_BASE_A_H\n\n{}\n#endif\n"
LONG_FUNCTION = "static void a(void)\n{\n" + "    b();\n" * 71 + "}\n"

# name of the case: file, text, what tidy must say ('' for nothing)
CASES = {
    "a tab": ("a.c", "\tint a;\n", "a.c:1: a tab"),
    "trailing blanks": ("README.md", "text \n", "README.md:1: blanks at the end"),
    "no last newline": ("README.md", "text", "README.md:1: no newline at the end"),
    "a long line": ("core/base/a.c", "// " + "a" * 120 + "\n", "core/base/a.c:1: 123 characters"),
    "characters, not bytes": ("core/base/a.c", "// " + "đ" * 100 + "\n", ""),
    "strcpy": ("agent/a.c", "int a;\nvoid b(void)\n{\n    strcpy(c, d);\n}\n", "a.c:4: strcpy is banned"),
    "rand in a test": ("tests/unit/base/test_a.c", "int a = rand();\n", "1: rand is banned"),
    "banned words elsewhere": ("hub/a.c", "int a = my_rand(); // strcpy(\nchar *b = \"atoi(\";\n", ""),
    "assert ++": ("hub/a.c", "void a(void)\n{\n    assert(b &&\n           c++);\n}\n", "a.c:3: assert with"),
    "assert =": ("hub/a.c", "void a(void)\n{\n    assert(b = 1);\n}\n", "a.c:3: assert with"),
    "assert of a comparison": (
        "hub/a.c", "void a(void)\n{\n    assert(b <= 1 && c == d && e != -1);\n}\n", ""),
    "a long function": ("core/base/a.c", LONG_FUNCTION, "core/base/a.c:2: a function of 71 lines"),
    "a function that fits": ("core/base/a.c", LONG_FUNCTION.replace("    b();\n", "", 1), ""),
    "a long file": ("core/base/a.c", "int a;\n" * 601, "core/base/a.c:601: 601 lines"),
    "no guard": ("core/base/a.h", "int a;\n", "core/base/a.h:1: no include guard HOPNHAT_BASE_A_H"),
    "a bare function": ("core/base/a.h", HEADER.format("int a(void);\n"), "a.h:4: a public function"),
    "a bare function of two lines": ("core/base/a.h", HEADER.format(
        "/* A. */\nint a(void);\n\nint b(int c,\n      int d);\n"), "core/base/a.h:7: a public"),
    "a commented function": ("core/base/a.h", HEADER.format("/* A. */\nint a(void);\nint b(void);\n"), ""),
    "a commented struct": ("core/base/a.h", HEADER.format("struct a {\n    int (*b)(void);\n};\n"), ""),
    "the format": ("core/base/a.c", "int   a;\n", "core/base/a.c:1: "),
    "an arrow": ("core/model/a.c", "#include <lmdb.h>\n", "tests/arrows:1: includes against"),
    "data as it is": ("data/a.csv", "a \tb", ""),
}


def run_case(name, path, text, wanted):
    with tempfile.TemporaryDirectory(prefix="hn-") as parent:
        directory = os.path.join(parent, "checkout")
        os.makedirs(os.path.dirname(os.path.join(directory, path)))
        shutil.copy(os.path.join(HERE, "..", "..", ".clang-format"), directory)
        with open(os.path.join(directory, path), "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([TIDY, directory], capture_output=True, text=True, check=False)
    if name == "the format" and "was not checked" in done.stdout:
        print(f"skip {name} there is no clang-format of the right version")
        return True
    clean = done.returncode == 0 and ", 0 findings" in done.stdout
    good = clean if not wanted else done.returncode == 1 and wanted in done.stdout
    print(f"ok {name}" if good else f"not ok {name} wanted {wanted!r}: {done.stdout!r} {done.stderr!r}")
    return good


def run_machine_case():
    """A file that names the directory beside the checkout."""
    with tempfile.TemporaryDirectory(prefix="hn-") as parent:
        directory = os.path.join(os.path.realpath(parent), "checkout")
        os.mkdir(directory)
        with open(os.path.join(directory, "a.md"), "w", encoding="utf-8") as file:
            file.write(f"see\n{os.path.dirname(directory)}/notes\n")
        done = subprocess.run([TIDY, directory], capture_output=True, text=True, check=False)
    good = "a.md:2: names a path or a host" in done.stdout
    print("ok a path of this machine" if good else f"not ok a path of this machine {done.stdout!r}")
    return good


if __name__ == "__main__":
    results = [run_case(name, *case) for name, case in CASES.items()] + [run_machine_case()]
    sys.exit(0 if all(results) else 1)
