"""Writes each example of the documentation that is a file of a known name to a folder, to be checked there.

Such an example says so after its language: ```yaml .github/workflows/egress.yml
"""

import pathlib
import re
import shutil
import sys

BLOCK = re.compile(r"^```ya?ml +(\S+)\n(.*?)^```$", re.M | re.S)


def main():
    *sources, target = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    pages = [page for source in sources for page in (sorted(source.rglob("*.md")) if source.is_dir() else [source])]
    count = 0
    for page in pages:
        for name, text in BLOCK.findall(page.read_text()):
            count += 1
            (target / f"{count}-{pathlib.Path(name).name.lstrip('.')}").write_text(text)
    assert count > 2, "there are hardly any examples; are they marked with their names?"
    print(f"{count} examples")


main()
