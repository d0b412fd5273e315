-- What work on a device as a whole found and did; null for other tasks.
ALTER TABLE tasks ADD COLUMN report TEXT;
