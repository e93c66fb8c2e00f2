package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every kind of data says what it holds.
func TestRealSummaries(t *testing.T) {
	everything := func(string) bool { return true }
	table := NewTable()
	table.Train, table.Test, table.Target = shared(t, "tabular/adult_train.csv.gz"),
		shared(t, "tabular/adult_test.csv.gz"), "income"
	wav := NewWAV()
	wav.Train = filepath.Join(unpacked(t, "audio-fsdd-4spk/fsdd-4spk.tar.gz", everything), "fsdd-4spk")
	wav.FileName, wav.Label = `^\d_(?P<speaker>[a-z]+)`, "speaker"
	text := NewText()
	text.Train, text.Label, text.Part = shared(t, "text/sotu_chunks.csv.gz"), "party", "split"
	masks := NewMasks()
	masks.Root = filepath.Join(unpacked(t, "masks-nuclei-128/nuclei-128.tar.gz", everything), "nuclei-128")
	clips := NewClips()
	clips.Train = filepath.Join(unpacked(t, "video-clips-64/video-clips-64.tar.gz", func(n string) bool {
		return strings.HasSuffix(n, ".jpg")
	}), "video-clips-64")
	captions := NewCaptions()
	captions.Train = filepath.Join(unpacked(t, "captions-emoji-64/emoji-captions-64.tar.gz", everything),
		"emoji-captions-64", "captions.jsonl")
	for _, c := range []struct {
		name   string
		source Source
		want   []string
	}{
		{"table", table, []string{"train                  32561", "class >50K             7841 + 3846",
			"column age             number, mean 38.582, deviation 13.64", "column workclass       8 " +
				"categories, 1836 missing"}},
		{"wav", wav, []string{"train           800", "class theo      200 + 50", "coding          16-bit PCM",
			"rate            8000 samples a second"}},
		{"text", text, []string{"train             3860", "test              995", "length            280 to " +
			"600 characters, median 350"}},
		{"masks", masks, []string{"train          120", "test           30", "width          128 pixels",
			"channels       3"}},
		{"clips", clips, []string{"sequences            7, with 0 gaps", "width                64 pixels",
			"clip                 8 frames, every 1"}},
		{"captions", captions, []string{"train     1525", "test      381", "width     64 pixels"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := c.source.Open(Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := FormatSummary(o.Summary())
			for _, want := range c.want {
				if !strings.Contains(got, want+"\n") {
					t.Errorf("want %q in\n%s", want, got)
				}
			}
		})
	}
}

func ExampleTable() {
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.WriteFile(filepath.Join(dir, "t.csv"), []byte("size,colour,kind\n1,red,a\n3,?,b\n"), 0o600)
	t := NewTable()
	t.Train, t.Target, t.TestFraction = "t.csv", "kind", 0
	data, err := t.Open(Env{BaseDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	row := make([]float64, 2)
	data.Train.(RowSet).Row(1, row)
	fmt.Println(data.Train.(RowSet).Columns()[0].Standardise(row[0]), row[1], data.Train.Classes()[data.Train.Label(1)])
	fmt.Print(FormatSummary(data.Summary()))
	// Output:
	// 1 NaN b
	// train          2
	// test           none
	// classes        2
	// class a        1 + 0
	// class b        1 + 0
	// columns        2
	// column size    number, mean 2, deviation 1
	// column colour  1 categories, 1 missing
}

func ExampleVocabulary() {
	v := CharacterVocabulary([]string{"sea", "ship"})
	symbols := make([]int32, 8)
	n := v.Encode("seaship!", 0, symbols)
	fmt.Println(v.Len(), n, symbols, v.Decode(symbols))
	// Output: 8 8 [7 3 2 7 4 5 6 1] seaship�
}
