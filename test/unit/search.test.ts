import { MAX_QUERY_WORDS, MAX_SEARCH_TEXT, matches, searchFilter, searchParts, searchText } from "@weft/db/search";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const found: [stored: string, query: string][] = [
  ["Invoice approval", "inv"],
  ["Invoice approval", "APPROVAL invoice"],
  ["Crème brûlée", "creme brul"],
  ["creme brulee", "Crème"],
  ["Straße nach Łódź", "strasse lodz"],
  ["strasse", "STRAẞE"],
  ["ΟΔΥΣΣΕΥΣ", "οδυσσευς"],
  ["Ёлка", "елка"],
  ["ｆｕｌｌ width ﬁle", "full file"],
  ["snake_case-name.v2", "case"],
  ["客户服务工作流", "工作流"],
  ["客户服务工作流", "客户 工作"],
  ["データ分析", "分析"],
  ["데이터 분석", "데이"],
  ["ค้นหาข้อมูล", "ข้อมูล"],
  ["हिन्दी खोज", "हिन्"],
  ["مُحَمَّد", "محمد"],
  ["version 2.10", "2 10"],
  ["anything", "   "],
  ["anything", "!?"],
];

const lost: [stored: string, query: string][] = [
  ["domain", "main"],
  ["invoice", "invoice paid"],
  ["工流作", "工作"],
  ["invoices", "invoice-x"],
  ["हिन्दी", "हन्दी"],
  ["がく", "かく"],
];

describe("search over names and descriptions", () => {
  it.each(found)("%s is found by %s", (stored, query) => {
    expect(matches(searchText(stored), query)).toBe(true);
  });
  it.each(lost)("%s is not found by %s", (stored, query) => {
    expect(matches(searchText(stored), query)).toBe(false);
  });

  it("looks through every text given", () => {
    const stored = searchText("Name", undefined, "a description");
    expect(matches(stored, "desc name")).toBe(true);
  });

  it("finds each word and each start of a word of what was stored (property)", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), fc.nat(), (words, pick) => {
        const stored = searchText(words.join(" "));
        expect(matches(stored, words[pick % words.length] as string)).toBe(true);
        for (const part of searchParts(words.join(" "))) expect(matches(stored, part.slice(0, -1))).toBe(true);
      }),
    );
  });

  it("is bounded, and asks the store nothing for an empty query", () => {
    expect(searchText("word ".repeat(10_000)).length).toBeLessThanOrEqual(MAX_SEARCH_TEXT);
    const many = Array.from({ length: 40 }, (_, n) => `w${n}`).join(" ");
    expect(searchParts(many)).toHaveLength(MAX_QUERY_WORDS);
    expect(searchFilter("  ")).toBeUndefined();
    expect(searchFilter(undefined)).toBeUndefined();
  });
});
