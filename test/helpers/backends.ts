/** The backends on which a test about managers or examples runs. CHAUSSETTE_TEST_BACKEND=http narrows it while
 *  working on one of them. */
export const testedBackends = (['native', 'http'] as const).filter(
  (name) => (process.env['CHAUSSETTE_TEST_BACKEND'] ?? name) === name,
);
