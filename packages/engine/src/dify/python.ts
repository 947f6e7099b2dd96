/** Modules of Python's standard library that code commonly imports: what the sandbox has. */
const STANDARD: ReadonlySet<string> = new Set(
  (
    "__future__ abc argparse array ast base64 bisect calendar cmath codecs collections colorsys configparser contextlib copy " +
    "csv dataclasses datetime decimal difflib email enum errno fnmatch fractions functools gettext glob graphlib gzip hashlib " +
    "heapq hmac html http io ipaddress itertools json keyword linecache locale logging math mimetypes numbers operator os " +
    "pathlib pickle pprint queue quopri random re reprlib secrets shlex shutil statistics string stringprep struct sys " +
    "tempfile textwrap threading time timeit token tokenize traceback types typing unicodedata urllib uuid warnings weakref " +
    "xml zipfile zlib zoneinfo"
  ).split(" "),
);

/** Packages that a program imports and that Python here does not have. */
export function missingPackages(source: string): string[] {
  const imports = source.matchAll(/^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b)/gm);
  const names = [...imports].flatMap(([, list, from]) =>
    from !== undefined ? [from] : (list ?? "").split(",").map((one) => one.trim().split(/[.\s]/)[0] ?? ""),
  );
  return [...new Set(names)].filter((name) => name !== "" && !STANDARD.has(name));
}
