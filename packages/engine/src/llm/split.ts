/** Where a text may be cut, the best places first. */
const SEPARATORS = ["\n\n", "\n", "。", ". ", " "];

/** The last place up to `to` where the text is cut best; not in the first half of what is left, or parts would be short. */
function cut(text: string, from: number, to: number): number {
  if (to >= text.length) return text.length;
  for (const separator of SEPARATORS) {
    const at = text.lastIndexOf(separator, to - separator.length);
    if (at > from + (to - from) / 2) return at + separator.length;
  }
  // Never between the halves of one character.
  const code = text.charCodeAt(to - 1);
  return code >= 0xd800 && code <= 0xdbff ? to - 1 : to;
}

/** A text in parts of at most `size` characters, each beginning with the last `overlap` ones of the part before. */
export function splitText(text: string, size: number, overlap: number): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = cut(text, from, from + size);
    const part = text.slice(from, to).trim();
    if (part !== "") parts.push(part);
    if (to >= text.length) break;
    // The half of the size that a cut keeps at least is more than the overlap may be.
    from = Math.max(from + 1, to - overlap);
  }
  return parts;
}
