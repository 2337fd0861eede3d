-- What waits to be told of a call goes when the call does.
ALTER TABLE webhook_deliveries ADD COLUMN call_name TEXT;

CREATE INDEX webhook_deliveries_by_call ON webhook_deliveries (call_name);
