-- $1: objects, $2: replies lost, $3: to what their counter was lowered, $4 and $5: the same of quotes, $6: those that
-- are locked because a counter is higher, $7: the addresses of everybody, if only public replies count.
-- Somebody may have answered since, which counts; somebody may have written the counter back, which does not. So it is
-- lowered once more, but not below the number of replies that are there.
with lowered as materialized (
    select o.id, o.data ->> 'id' as ap_id, lost.replies, lost.replies_left, lost.quotes, lost.quotes_left,
           case when jsonb_typeof(o.data -> 'repliesCount') = 'number'
                then (o.data ->> 'repliesCount')::numeric end as replies_now,
           case when jsonb_typeof(o.data -> 'quotesCount') = 'number'
                then (o.data ->> 'quotesCount')::numeric end as quotes_now
    from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::bigint[])
             as lost (id, replies, replies_left, quotes, quotes_left)
    join public.objects o on o.id = lost.id
    where lost.id = any ($6)
), counted as materialized (
    select id, ap_id,
           case when replies_now > replies_left then greatest(replies_now - replies, least(replies_now, (
               select count(*) from public.objects reply
               where reply.data ->> 'inReplyTo' = ap_id
                 and ($7::text[] is null or reply.data -> 'to' ?| $7 or reply.data -> 'cc' ?| $7
                      or reply.data -> 'bto' ?| $7 or reply.data -> 'bcc' ?| $7)))) end as replies,
           case when quotes_now > quotes_left then greatest(quotes_now - quotes, least(quotes_now, (
               select count(*) from public.objects quote
               where quote.data -> 'quoteUrl' = to_jsonb(ap_id)))) end as quotes
    from lowered
)
update public.objects o
set data = o.data
    || case when counted.replies is null then '{}' else jsonb_build_object('repliesCount', counted.replies) end
    || case when counted.quotes is null then '{}' else jsonb_build_object('quotesCount', counted.quotes) end
from counted
where o.id = counted.id
  and (o.data -> 'repliesCount' <> to_jsonb(counted.replies) or o.data -> 'quotesCount' <> to_jsonb(counted.quotes))
