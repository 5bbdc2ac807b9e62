-- Stock is told live to whoever may see it: live.html shows it.
alter publication supabase_realtime add table stock;
