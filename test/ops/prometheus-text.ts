/** A strict reader of Prometheus' text format 0.0.4: what it doesn't take, a scraper wouldn't either. */
export interface ParsedMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly value: number;
  }[];
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/y;

export function parsePrometheus(text: string): ParsedMetric[] {
  if (!text.endsWith('\n')) throw new Error('no newline at the end');
  const metrics: ParsedMetric[] = [];
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const helped = /^# HELP (\S+) (.*)$/.exec(line);
    if (helped !== null) {
      help = { name: helped[1]!, text: helped[2]! };
      continue;
    }
    const typed = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (typed !== null) {
      if (help === undefined || help.name !== typed[1]) throw new Error(`TYPE without its HELP: ${line}`);
      if (metrics.some((metric) => metric.name === typed[1])) throw new Error(`${typed[1]} twice`);
      metrics.push({ name: typed[1]!, type: typed[2]!, help: help.text, samples: [] });
      continue;
    }
    const [, name, labelText, valueText] = sampleLine.exec(line) ?? [];
    const metric = metrics.at(-1);
    if (name === undefined || valueText === undefined || metric === undefined)
      throw new Error(`not a sample: ${line}`);
    const suffix = name.slice(metric.name.length);
    const allowed = metric.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!name.startsWith(metric.name) || !allowed.includes(suffix))
      throw new Error(`${name} within ${metric.name}`);
    const labels = parseLabels(labelText ?? '');
    const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(key)) throw new Error(`the same series twice: ${line}`);
    seen.add(key);
    const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
    if (Number.isNaN(value) && valueText !== 'NaN') throw new Error(`not a number: ${line}`);
    if (metric.type === 'counter' && !(value >= 0)) throw new Error(`a counter below 0: ${line}`);
    metric.samples.push({ name, labels, value });
  }
  for (const metric of metrics) if (metric.type === 'histogram') checkHistogram(metric);
  return metrics;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPair.lastIndex = 0;
  while (labelPair.lastIndex < text.length) {
    const at = labelPair.lastIndex;
    const match = labelPair.exec(text);
    if (match === null) throw new Error(`labels at ${at}: ${text}`);
    if (match[1]! in labels) throw new Error(`label ${match[1]} twice: ${text}`);
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_all, one: string) => (one === 'n' ? '\n' : one));
  }
  return labels;
}

/** Buckets rise, end with +Inf, and that is the count. */
function checkHistogram({ name, samples }: ParsedMetric): void {
  const byLabels = Map.groupBy(samples, ({ labels }) => {
    const { le: _le, ...rest } = labels;
    return JSON.stringify(Object.entries(rest).sort());
  });
  for (const [labels, group] of byLabels) {
    const buckets = group.filter((sample) => sample.name.endsWith('_bucket'));
    const bounds = buckets.map((sample) => Number(sample.labels.le?.replace('+Inf', 'Infinity')));
    const count = group.find((sample) => sample.name.endsWith('_count'))?.value;
    for (let i = 1; i < buckets.length; i++) {
      if (!(bounds[i]! > bounds[i - 1]!) || buckets[i]!.value < buckets[i - 1]!.value) {
        throw new Error(`buckets of ${name}${labels} don't rise`);
      }
    }
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY || buckets.at(-1)?.value !== count) {
      throw new Error(`the last bucket of ${name}${labels} isn't the count`);
    }
  }
}
