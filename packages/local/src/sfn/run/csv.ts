/** Rows of a CSV text: quotes as in RFC 4180, lines ended by LF or CRLF; a last line break makes no row. */
export function parseCsv(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let isQuoted = false;
  let hasContent = false;
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    if (isQuoted) {
      if (char !== '"') field += char;
      else if (source[i + 1] === '"') field += source[++i];
      else isQuoted = false;
    } else if (char === '"' && field === "") {
      isQuoted = true;
      hasContent = true;
    } else if (char === delimiter) {
      row.push(field);
      field = "";
      hasContent = true;
    } else if (char === "\n" || (char === "\r" && source[i + 1] === "\n")) {
      if (char === "\r") i++;
      rows.push([...row, field]);
      row = [];
      field = "";
      hasContent = false;
    } else {
      field += char;
      hasContent = true;
    }
  }
  if (hasContent) rows.push([...row, field]);
  return rows;
}
