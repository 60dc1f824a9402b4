-- description: The widest accuracy gap between two endpoints that serve one model, on the items that both answered.
-- grain: the day
-- group: rank
-- key: headline
-- column value: accuracy of the better one minus that of the other, points
-- column value_lo: its interval, lower; of what is known exactly the value; null: none is known
-- column value_hi: upper
-- column unit: unit of the values
-- column n: items that both answered
-- column endpoints: whom it is about
-- column supported: whether the evidence carries it; null: known exactly
-- column modeled: whether it rests on modeled energy
-- column headline: the finding in a sentence
-- column detail: what limits it
with scored as (
    select
        scorecard.endpoint_id,
        scorecard.model_family,
        scorecard.domain,
        scorecard.quality
    from scorecard
    where scorecard.day = $day and scorecard.quality is not null
),

families as (
    select
        scored.model_family,
        max(scored.domain) as domain,
        arg_max(scored.endpoint_id, (scored.quality, scored.endpoint_id)) as best,
        arg_min(scored.endpoint_id, (scored.quality, scored.endpoint_id)) as worst,
        max(scored.quality) - min(scored.quality) as spread,
        sum(count(*) * (count(*) - 1) / 2) over () as pairs
    from scored
    group by scored.model_family
    having count(*) > 1
),

widest as (
    select families.*
    from families
    order by families.spread desc, families.model_family asc
    limit 1
),

paired as (
    select
        count(*) as n,
        100 * avg(first_one.correct::integer - other.correct::integer) as points,
        100 * stddev_samp(first_one.correct::integer - other.correct::integer) / sqrt(count(*)) as error,
        sum(first_one.correct::integer - other.correct::integer) as lead,
        sum(abs(first_one.correct::integer - other.correct::integer)) as discordant
    from widest
    inner join answers as first_one on widest.best = first_one.endpoint_id
    inner join answers as other
        on
            widest.worst = other.endpoint_id
            and first_one.suite = other.suite
            and first_one.item_id = other.item_id
    where
        first_one.day = $day
        and other.day = $day
        and (first_one.suite = 'quality_math' or (first_one.suite = 'quality_code' and widest.domain = 'all'))
        and first_one.correct is not null
        and other.correct is not null
)

select
    paired.points as value,
    -- Where no two items differ in their difference, their spread is not known.
    paired.points - 1.96 * nullif(paired.error, 0) as value_lo,
    paired.points + 1.96 * nullif(paired.error, 0) as value_hi,
    'points' as unit,
    paired.n,
    case when widest.best is null then []::varchar[] else [widest.best, widest.worst] end as endpoints,
    -- Of d items that one alone has right, each is a fair coin where both are alike: P(|lead| >= l) is at most
    -- 2 exp(-l^2 / 2d) (Hoeffding 1963); with all pairs that could have been the widest it is conservative.
    paired.lead > 0 and widest.pairs * 2 * exp(-power(paired.lead, 2) / (2 * paired.discordant)) < 0.05 as supported,
    false as modeled,
    case
        when widest.best is null then 'cannot tell: no model has two endpoints with an accuracy'
        when paired.n = 0
            then format('cannot tell: {} and {} have answered no item in common', widest.best, widest.worst)
        when paired.lead <= 0
            then
                format(
                    'the widest gap of accuracy within a model is not seen on the items that both {} and {} answered',
                    widest.best, widest.worst
                )
        else
            format(
                '{} answers {:.1f} points more of the items rightly than {}, which sells the same model',
                widest.best, paired.points, widest.worst
            )
    end as headline,
    'the widest of ' || widest.pairs::bigint || ' pairs; the interval is not corrected for having been chosen, '
    || 'supported is' as detail
from (select true as always) as one
left join widest on one.always
left join paired on one.always
