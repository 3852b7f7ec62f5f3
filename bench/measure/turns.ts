/** Arms take turns within each round, and another goes first in every round, so that what changes over time changes for all of them. */
export async function inTurns<A>(
  arms: readonly A[],
  rounds: number,
  measure: (arm: A, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < arms.length; i++) await measure(arms[(i + round) % arms.length]!, round);
  }
}
