/** Types of backup. What a job asks for is a request; what a saveset is depends on whether a base can be used. */

export const backupTypes = ['full', 'incremental', 'differential'] as const;
export type BackupType = (typeof backupTypes)[number];

/** `auto`: incremental where a base can be used, else full. */
export const requestedTypes = [...backupTypes, 'auto'] as const;
export type RequestedType = (typeof requestedTypes)[number];
