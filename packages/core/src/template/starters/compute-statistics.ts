import { draw, end, field, node, ref, type StarterSource, start } from "./draw.ts";

const JAVASCRIPT = `export default async ({ params }) => {
  const numbers = [...params.numbers].sort((a, b) => a - b);
  if (numbers.length === 0) throw new Error("there are no numbers");
  const middle = Math.floor(numbers.length / 2);
  const median = numbers.length % 2 === 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
  const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  return { mean, median, range: numbers[numbers.length - 1] - numbers[0] };
};
`;

const PYTHON = `import statistics

async def main(args):
    numbers = args.params["numbers"]
    deviation = statistics.pstdev(numbers)
    return {"deviation": round(deviation, 6), "mode": statistics.mode(numbers)}
`;

export const computeStatistics: StarterSource = {
  key: "compute-statistics",
  version: "v1.0.0",
  name: "Statistics in JavaScript and Python",
  description: "Two programs side by side over the same numbers: mean, median and range, deviation and mode.",
  category: "code",
  tags: ["javascript", "python", "statistics"],
  isFeatured: true,
  placeholders: [],
  exampleInput: { numbers: [2, 4, 4, 4, 5, 5, 7, 9] },
  workflows: [
    {
      externalId: "main",
      name: "Statistics",
      canvas: draw(
        [
          start(field("numbers", { type: "list", items: "number" })),
          node(
            "middle",
            "code",
            "In JavaScript",
            { language: "javascript", code: JAVASCRIPT },
            [ref("numbers", "start.numbers")],
            {
              outputs: [field("mean", "number"), field("median", "number"), field("range", "number")],
            },
          ),
          node("spread", "code", "In Python", { language: "python", code: PYTHON }, [ref("numbers", "start.numbers")], {
            outputs: [field("deviation", "number"), field("mode", "number")],
          }),
          end(
            ref("mean", "middle.mean"),
            ref("median", "middle.median"),
            ref("range", "middle.range"),
            ref("deviation", "spread.deviation"),
            ref("mode", "spread.mode"),
          ),
        ],
        "start>middle>end",
        "start>spread>end",
      ),
    },
  ],
};
