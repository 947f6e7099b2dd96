import { isGreater, nextVersion, VERSION_PATTERN, versionSortKey } from "@weft/core/workflow/workflow.semver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const part = fc.integer({ min: 0, max: 999_999 });
const version = fc.tuple(part, part, part).map((parts) => `v${parts.join(".")}`);
const numbers = (text: string) => text.slice(1).split(".").map(Number);

describe("versions of a workflow", () => {
  it("are v and three numbers without leading zeros", () => {
    for (const good of ["v0.0.0", "v1.2.3", "v10.0.999999"]) expect(good).toMatch(VERSION_PATTERN);
    for (const bad of ["1.0.0", "v1.0", "v01.0.0", "v1.0.1000000", "v1.0.0-beta", "v1.0.0 ", "V1.0.0", "v-1.0.0", ""]) {
      expect(bad).not.toMatch(VERSION_PATTERN);
    }
  });

  it("sort as their numbers do", () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [x, y] = [numbers(a), numbers(b)];
        const at = [0, 1, 2].find((index) => x[index] !== y[index]);
        const expected = at !== undefined && (x[at] ?? 0) > (y[at] ?? 0);
        expect(isGreater(a, b)).toBe(expected);
        expect(versionSortKey(a) === versionSortKey(b)).toBe(a === b);
      }),
    );
  });

  it("have a next one that is greater, as long as there is one", () => {
    expect(nextVersion(undefined)).toBe("v1.0.0");
    expect(nextVersion("v1.2.3")).toBe("v1.2.4");
    expect(nextVersion("v1.2.999999")).toBe("v1.3.0");
    expect(nextVersion("v1.999999.999999")).toBe("v2.0.0");
    expect(nextVersion("v999999.999999.999999")).toBeNull();
    fc.assert(
      fc.property(version, (latest) => {
        const next = nextVersion(latest);
        if (next !== null) expect(isGreater(next, latest)).toBe(true);
      }),
    );
  });

  it("that are none are refused", () => {
    expect(() => versionSortKey("1.0")).toThrow(RangeError);
  });
});
