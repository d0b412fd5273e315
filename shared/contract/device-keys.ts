/** Bodies and answers of the API for the passwords of encrypted devices. A password goes in, and none ever comes out. */
import { z } from 'zod';

export const devicePassword = z.string().min(1).max(1024);
export const keySlotLabel = z.string().min(1).max(100);

export const keySlotView = z.object({
  slotId: z.string(),
  label: z.string(),
  createdAt: z.string(),
  /** Whether the service opens the device by it. */
  inUse: z.boolean(),
});
export type KeySlotView = z.output<typeof keySlotView>;

export const keySlotsView = z.object({
  slots: z.array(keySlotView),
  /** Ids of slots that cannot be read. */
  damaged: z.array(z.string()),
});
export type KeySlotsView = z.output<typeof keySlotsView>;

export const keyBody = z.strictObject({
  password: devicePassword,
  label: keySlotLabel.default('password'),
});
export type KeyBody = z.input<typeof keyBody>;

export const passwordBody = z.strictObject({ password: devicePassword });
export type PasswordBody = z.input<typeof passwordBody>;
