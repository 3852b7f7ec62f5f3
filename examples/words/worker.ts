import { readFileSync } from 'node:fs';
import { createWorker, shardOf } from '../../index.ts';

interface Words {
  Top: (request: { prefix: string; limit: number }) => object;
}
const license = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8');
const all = Map.groupBy(license.toLowerCase().match(/[a-z]+/g) ?? [], (word) => word);

export default createWorker<Words>({
  service: { proto: new URL('words.proto', import.meta.url).pathname },
  open(shard) {
    const mine = [...all].filter(([word]) => shardOf(word, shard.count) === shard.index);
    const words = mine.map(([text, found]) => ({ text, count: found.length }));
    words.sort((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1));
    return {
      Top({ prefix, limit }) {
        const found = words.filter(({ text }) => text.startsWith(prefix));
        return { words: found.slice(0, limit), total: found.reduce((sum, { count }) => sum + count, 0) };
      },
    };
  },
});
