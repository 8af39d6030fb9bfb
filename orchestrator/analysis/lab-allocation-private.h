/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of lab-allocation.h. */
#pragma once

#include "lab-allocation.h"

/* Quantiles of a posterior, and the pairs of them. */
#define QUANTILES 3
#define POINTS    (QUANTILES * QUANTILES)
/* Beside the quantiles: none are bad, and all. */
#define SHARES (QUANTILES + 2)

/* In Group.told, beside LabTold. */
enum { WAITS, RUNS, SPARED, TOLD };

typedef struct {
    guint number;
    int repetitions;
    guint8 *told;         /* by repetition from 1: WAITS, RUNS, SPARED, or TOLD + LabTold */
    int next, next_spare; /* the lowest ones that may wait */
    int known;            /* all up to it are told */
    int first;            /* up to it they are run whatever the others say */
    guint usable, running, waiting, unable;
    const char **crash_of;  /* by repetition from 1: LabAllocation.names; NULL: none */
    GPtrArray *crashes;     /* of those in 'bad' */
    GByteArray *bad;        /* of the usable ones up to 'known', in their order */
    guint n_bad;            /* of those */
    double shares[SHARES];  /* of bad ones: quantiles, none, all */
    double weights[SHARES]; /* how likely they are, for how long it may take */
    GPtrArray *comparisons; /* Comparison, borrowed */
    guint open;             /* of those */
    double cost, score;
    guint wants; /* comparisons that add to the score */
    GSequenceIter *place;
} Group;

/* A crash that either side shows. */
typedef struct {
    const char *name;
    gboolean is_old;    /* the baseline shows it */
    guint rank;         /* how many the candidate had shown by its first sight; 0: it does not */
    LabSequential test; /* of the pairs after that */
} Title;

typedef struct {
    LabAllocationComparison told;
    Group *a, *b;
    double points[POINTS]; /* pairs that settle it, ascending */
    double worse;          /* the chance that b's share is the larger one */
    double more;           /* how many settle it or use up the repetitions: the mean */
    double part_a, part_b; /* of the scores */
    GArray *titles;        /* Title */
    guint ranks;           /* that are given */
    gboolean baseline_crashes;
    double title_pairs; /* the shares are settled, and so many more may settle a new crash; or 0 */
} Comparison;

struct LabAllocation {
    GStringChunk *names;
    LabAdaptive adaptive;
    LabSequentialRule rule;
    GPtrArray *groups;      /* Group */
    GPtrArray *comparisons; /* Comparison */
    GSequence *order;       /* Group, those that are compared, the highest score first */
    gboolean ended;
    GQueue settled; /* Group whose further repetitions are spared */
    double left;
    int first, first_most;     /* where the first repetitions have got to, and how far they go */
    guint first_group, single; /* the group there, and among those that nobody compares */
};

/* Pairs that there may be. */
guint lab_allocation_most(const Comparison *comparison);
/* The quantiles of a group whose results changed. */
void lab_allocation_weigh(Group *group);
/* What is expected of an open comparison, from the quantiles of its groups. */
void lab_allocation_expect(Comparison *comparison, const LabSequentialRule *rule);
/* Settlements a pair, weighed. 0: what runs already may suffice, or nothing is left to run. */
double lab_allocation_gain(const Comparison *comparison, double left);

/* What both sides of the next pair crash with; NULL: they do not. */
void lab_allocation_take_titles(Comparison *comparison, const LabSequentialRule *rule,
                                const char *a, const char *b);
/* The fewest pairs that are expected to settle a new crash, if it is more than that it came up
 * once; 0: none, or over 'most'. */
double lab_allocation_title_pairs(const Comparison *comparison, const LabSequentialRule *rule,
                                  double most);

/* Scores of a comparison's groups, after results, starts or costs. */
void lab_allocation_refresh(const LabAllocation *allocation, Comparison *comparison);
/* Of those that are open. */
void lab_allocation_refresh_all(const LabAllocation *allocation, const GPtrArray *comparisons);

/* Runs that say something or may still do so. */
static inline guint
lab_allocation_progress(const Group *group)
{
    return group->usable + group->running;
}

static inline int
lab_allocation_order(double a, double b)
{
    return (a > b) - (a < b);
}
