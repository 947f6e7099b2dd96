import type { AttributeValue, Item } from "./types.ts";

/** DynamoDB's count for a list or map beside its members. */
const CONTAINER_BYTES = 3;

/** The item's size as DynamoDB counts it: UTF-8 bytes of names and values. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueBytes(value);
  return bytes;
}

function valueBytes(value: AttributeValue): number {
  const [type, held] = Object.entries(value)[0] ?? ["NULL", true];
  switch (type) {
    case "S":
      return Buffer.byteLength(held as string);
    case "B":
      return Buffer.byteLength(held as string, "base64");
    case "N":
      return numberBytes(held as string);
    case "SS":
    case "NS":
    case "BS":
      return (held as string[]).reduce((sum, member) => sum + valueBytes({ [type.charAt(0)]: member }), 0);
    case "L":
      return (held as AttributeValue[]).reduce((sum, member) => sum + 1 + valueBytes(member), CONTAINER_BYTES);
    case "M":
      return CONTAINER_BYTES + Object.keys(held as Item).length + itemBytes(held as Item);
    default:
      return 1;
  }
}

/** About one byte for two significant digits, and one for the sign and exponent. */
function numberBytes(digits: string): number {
  const significant = digits.replace(/[-.]/g, "").replace(/^0+|0+$/g, "").length;
  return Math.ceil(significant / 2) + 1 + (digits.startsWith("-") ? 1 : 0);
}
