/** What wrote a restore point: kept in every manifest, so that a bug's reach can be told later. */
export const PRODUCT = 'Blockhouse';
export const VERSION = '0.1.0';
