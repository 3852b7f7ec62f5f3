/**
 * Two themes with the same roles. A picture is drawn once, in the light colours; the dark one is the same text with each colour put in
 * place of its counterpart, so the two can't differ in anything else. Invariant: no two roles share a light colour.
 */

export interface Theme {
  readonly background: string;
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly band: string;
  readonly bandText: string;
  readonly series: readonly string[];
}

/**
 * Okabe and Ito's colours ("Color Universal Design", 2008), which people with any colour vision can tell apart; without their yellow,
 * which white swallows. Shapes and dashes tell the same once more.
 */
export const light: Theme = {
  background: '#ffffff',
  text: '#1f2328',
  faint: '#59636e',
  grid: '#dfe3e8',
  band: '#f3d6bd',
  bandText: '#8a3b00',
  series: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'],
};

/** The same hues, lighter, on GitHub's dark background. */
export const dark: Theme = {
  background: '#0d1117',
  text: '#f0f6fc',
  faint: '#9198a1',
  grid: '#2b3138',
  band: '#4a2c14',
  bandText: '#ffb27a',
  series: ['#4ba3e3', '#ff8140', '#2fc99b', '#e8a3c9', '#f2bd4e', '#a5dcff', '#e6e6e6'],
};

/** In pairs: a light colour and the dark one for it. */
export function colourPairs(): [string, string][] {
  const roles = ['background', 'text', 'faint', 'grid', 'band', 'bandText'] as const;
  return [
    ...roles.map((role): [string, string] => [light[role], dark[role]]),
    ...light.series.map((colour, i): [string, string] => [colour, dark.series[i]!]),
  ];
}

export function toDark(svg: string): string {
  const pairs = new Map(colourPairs());
  return svg.replace(/#[0-9a-f]{6}\b/g, (colour) => pairs.get(colour) ?? colour);
}

/** Style rules that turn a light picture inside a page dark: a rule goes before an attribute. */
export function darkRules(selector: string): string {
  return colourPairs()
    .flatMap(([from, to]) =>
      (['fill', 'stroke'] as const).map((part) => `${selector} [${part}="${from}"] { ${part}: ${to}; }`),
    )
    .join('\n');
}
