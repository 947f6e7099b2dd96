/** Puts a message on a local queue, as services of AWS do for dead letters and failure destinations. */
export async function sendMessage(sqsUrl: string, input: object): Promise<Record<string, string>> {
  const response = await fetch(sqsUrl, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "AmazonSQS.SendMessage",
      authorization: "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request",
    },
    body: JSON.stringify(input),
  });
  const answer = (await response.json()) as Record<string, string>;
  if (!response.ok) throw new Error(`SendMessage: ${JSON.stringify(answer)}`);
  return answer;
}

/** The URL of a queue from its ARN. */
export function queueUrlOf(sqsUrl: string, arn: string): string {
  const [account = "", name = ""] = arn.split(":").slice(4);
  return `${sqsUrl}/${account}/${name}`;
}
